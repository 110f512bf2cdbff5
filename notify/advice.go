package notify

import (
	"fmt"

	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// advice explains a class of errors, and lists the next steps.
func advice(class importers.Class, i importstore.AnnouncedImport) (explanation string, next []Step) {
	logs := Step{"Read the import's log:", fmt.Sprintf("sluice import logs %d", i.ID)}
	again := Step{"Then start the import again.", ""}
	switch class {
	case importers.ClassInput:
		return "The source is invalid for this importer.", []Step{
			logs, {"Correct the file or the arguments as the reason describes.", ""}, again,
		}
	case importers.ClassAccess:
		return "Sluice has no access to the source.", []Step{
			{"Check that the worker can read the files, or that the account of the import still has access.", ""}, again,
		}
	case importers.ClassNoDays:
		return "No day is left to import: each one is already imported, or has native data.", []Step{
			{"No action is required. List the site's imports:", "sluice import list --site " + i.Site},
			{"To import days again, first delete the import that has them:", "sluice import delete ID"},
		}
	case importers.ClassRejects:
		return "More rows were rejected than the import tolerates.", []Step{
			{"List the rejected rows and the reasons:", fmt.Sprintf("sluice import rejects %d", i.ID)},
			{"Correct the rows, or raise --max-rejects, --max-reject-share or the setting " +
				"import.max_reject_ceiling.", ""},
			again,
		}
	case importers.ClassSource:
		return "The source did not respond, or returned errors, in all retries.", []Step{
			{"Wait until the source is available.", ""}, again,
		}
	case importers.ClassCancelled:
		return "The import was cancelled.", []Step{again}
	case importers.ClassEnded:
		return "The import had already ended and cannot be run again.", []Step{
			{"Start a new import.", ""},
		}
	default:
		return "The error is in Sluice or its databases, not in the source.", []Step{
			logs, {"Ask the operator of Sluice to inspect it:", fmt.Sprintf("sluice import show %d", i.ID)}, again,
		}
	}
}
