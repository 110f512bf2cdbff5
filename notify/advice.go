package notify

import (
	"fmt"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
)

// advice says in plain words what a class of faults means, and what to do next.
func advice(class importers.Class, i store.AnnouncedImport) (explanation string, next []Step) {
	logs := Step{"What happened, line by line:", fmt.Sprintf("sluice import logs %d", i.ID)}
	again := Step{"Then start the import again.", ""}
	switch class {
	case importers.ClassInput:
		return "The data are not in the form in which this import expects them.", []Step{
			logs, {"Correct what the reason names, in the file or in the arguments.", ""}, again,
		}
	case importers.ClassAccess:
		return "Sluice was not allowed to read the source.", []Step{
			{"Check that the worker may read the files, or that the account which the import uses still has access.", ""}, again,
		}
	case importers.ClassNoDays:
		return "There is no day left to import: all of them were imported before, or have data of the site's own.", []Step{
			{"Nothing needs to be done. The imports so far:", "sluice import list --site " + i.Site},
			{"To import days anew, delete the import that brought them in first:", "sluice import delete ID"},
		}
	case importers.ClassRejects:
		return "More rows were rejected than the import tolerates.", []Step{
			{"Which rows, and why:", fmt.Sprintf("sluice import rejects %d", i.ID)},
			{"Correct the rows, or allow more of them by --max-rejects, --max-reject-share or the setting " +
				"import.max_reject_ceiling.", ""},
			again,
		}
	case importers.ClassSource:
		return "The other side did not answer, or only with errors, through all retries.", []Step{
			{"Wait until it is well again.", ""}, again,
		}
	case importers.ClassCancelled:
		return "Somebody has cancelled the import.", []Step{again}
	case importers.ClassEnded:
		return "The import had ended already, so it could not be run again.", []Step{
			{"Start a new one instead.", ""},
		}
	default:
		return "Something went wrong in Sluice itself, or in the databases that it uses. The source is not to blame.", []Step{
			logs, {"Whoever runs Sluice should look at it.", fmt.Sprintf("sluice import show %d", i.ID)}, again,
		}
	}
}
