// Package workflows has Sluice's workflows, one a file. This file has every name that
// other programs may depend on: task queues, workflow types, activities, updates,
// queries, search attributes and the forms of workflow IDs. Names are never changed
// once released, because running workflows carry them.
package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
)

// Task queues.
const (
	// QueueMain has all workflows and their short activities.
	QueueMain = "sluice"
	// QueueLoad has the activities that load parts: few at a time, each with
	// buffers of its own.
	QueueLoad = "sluice-load"
)

// Workflow types.
const (
	// TypeImport carries out one import.
	TypeImport = "Import"
	// TypeDeletion deletes one import.
	TypeDeletion = "Deletion"
)

// Activities of an import.
const (
	ActivityBeforeStart = "before_start"
	ActivityPlan        = "plan"
	ActivityImportData  = "import_data"
	ActivityParkPart    = "park_part"
	ActivityPark        = "park"
	ActivitySkipPart    = "skip_part"
	ActivityOnSuccess   = "on_success"
	ActivityOnFailure   = "on_failure"
	ActivityPurgeRows   = "purge_rows"
	ActivityCleanUp     = "clean_up"
	ActivityPublish     = "publish"
	ActivityFinish      = "finish"
	ActivityRemove      = "remove"
)

// Updates of an import: validated, answered at once.
const (
	// UpdateRetryPart tries a parked part again.
	UpdateRetryPart = "retry_part"
	// UpdateSkipPart leaves a parked part out.
	UpdateSkipPart = "skip_part"
)

// Queries of an import.
const (
	// QueryState answers with a State.
	QueryState = "state"
	// QueryProgress answers with a Progress.
	QueryProgress = "progress"
)

// Search attributes, by which runs are found in the Temporal Web UI.
var (
	// AttributeSite is the site's domain.
	AttributeSite = temporal.NewSearchAttributeKeyKeyword("SluiceSite")
	// AttributeSource is the importer's name.
	AttributeSource = temporal.NewSearchAttributeKeyKeyword("SluiceSource")
	// AttributeStatus is the import's status, as `sluice import list` shows it.
	AttributeStatus = temporal.NewSearchAttributeKeyKeyword("SluiceStatus")
	// AttributePhase is the import's phase.
	AttributePhase = temporal.NewSearchAttributeKeyKeyword("SluicePhase")
	// AttributeErrorClass is the class of the error that ended the import.
	AttributeErrorClass = temporal.NewSearchAttributeKeyKeyword("SluiceErrorClass")
	// AttributeRows is how many rows the import has loaded.
	AttributeRows = temporal.NewSearchAttributeKeyInt64("SluiceRows")
)

// SearchAttributes returns the names and types of all search attributes, as a
// namespace must have them: "Keyword" or "Int".
func SearchAttributes() map[string]string {
	return map[string]string{
		AttributeSite.GetName():       "Keyword",
		AttributeSource.GetName():     "Keyword",
		AttributeStatus.GetName():     "Keyword",
		AttributePhase.GetName():      "Keyword",
		AttributeErrorClass.GetName(): "Keyword",
		AttributeRows.GetName():       "Int",
	}
}

// ImportID returns the workflow ID of an import.
func ImportID(site string, id int64) string { return fmt.Sprintf("import/%s/%d", site, id) }

// DeletionID returns the workflow ID of an import's deletion.
func DeletionID(site string, id int64) string { return fmt.Sprintf("delete/%s/%d", site, id) }
