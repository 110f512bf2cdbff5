package importing

import (
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/workflows"
)

// DeletionInput starts a Deletion workflow.
type DeletionInput struct {
	ImportID int64 `json:"import_id"`
}

// Deletion deletes an import that has ended and is marked as deleting: its rows become invisible at
// once, then they are purged, and finally the import itself is removed.
func Deletion(ctx workflow.Context, in DeletionInput) error {
	ref := importacts.ImportRef{ImportID: in.ImportID}
	if err := workflows.Execute(workflows.Purging(ctx, "hide and purge rows"), workflows.ActivityPurgeRows,
		ref); err != nil {
		return err
	}
	return workflows.Execute(workflows.Purging(ctx, "remove the import"), workflows.ActivityRemove, ref)
}
