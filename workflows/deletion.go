package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// DeletionInput starts a Deletion workflow.
type DeletionInput struct {
	ImportID int64 `json:"import_id"`
}

// Deletion takes back an import that has ended and is marked as deleting: its rows
// go out of sight at once, then they are purged, and at last the import itself is
// removed.
func Deletion(ctx workflow.Context, in DeletionInput) error {
	ref := activities.ImportRef{ImportID: in.ImportID}
	if err := execute(purging(ctx, "hide and purge rows"), ActivityPurgeRows, ref); err != nil {
		return err
	}
	return execute(purging(ctx, "remove the import"), ActivityRemove, ref)
}
