package activities

import (
	"cmp"
	"context"
	"strings"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// CommandRecord is a command that a workflow has executed and that its sender has not recorded in the audit: it was
// sent through Temporal directly.
type CommandRecord struct {
	// Name is the command, such as pause.
	Name string `json:"name"`
	// By names the sender, as the command says.
	By string `json:"by,omitempty"`
	// Argument is the command's argument.
	Argument any `json:"argument,omitempty"`
}

// Audits record commands in the audit.
type Audits struct {
	Store *store.Store
}

// unnamedSender is the actor of a command whose sender gives no name.
const unnamedSender = "unknown"

// RecordCommand records a command of the workflow that calls it. Repeated by another attempt, it changes nothing.
func (a *Audits) RecordCommand(ctx context.Context, r CommandRecord) error {
	info := activity.GetInfo(ctx)
	entry := commandEntry(info.WorkflowExecution.ID, r)
	ctx = access.WithActor(ctx, access.Actor{
		Name: cmp.Or(strings.TrimSpace(r.By), unnamedSender), Kind: access.KindSystem, Door: access.DoorTemporal,
		RequestID: info.WorkflowExecution.RunID + "/" + info.ActivityID,
	})
	return Failure(accessstore.New(a.Store).RecordOnce(ctx, entry))
}

// commandEntry returns the entry of a command to a workflow, whose ID names what the command changes.
func commandEntry(workflowID string, r CommandRecord) store.AuditEntry {
	kind, id, _ := strings.Cut(workflowID, "/")
	e := store.AuditEntry{SubjectType: kind, SubjectID: id, After: r.Argument}
	switch kind {
	case "import":
		// A domain may have slashes.
		if at := strings.LastIndex(id, "/"); at >= 0 {
			e.Site, e.SubjectID = id[:at], id[at+1:]
		}
	case "destination":
		e.SubjectType = "action"
	}
	e.Operation = e.SubjectType + "." + r.Name
	return e
}
