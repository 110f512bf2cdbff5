// Package importing has the activities of imports, one struct a concern, with what it needs as
// fields.
package importing

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// ImportRef names an import.
type ImportRef struct {
	ImportID int64 `json:"import_id"`
	// FencingToken is the fencing token of the import's locks.
	FencingToken int64 `json:"fencing_token,omitempty"`
}

// PartRef names a part of an import.
type PartRef struct {
	ImportID int64 `json:"import_id"`
	Part     int32 `json:"part"`
	// FencingToken is the fencing token of the import's locks.
	FencingToken int64 `json:"fencing_token,omitempty"`
	// RowsPerSecond bounds how fast the part is loaded; 0 is as fast as it goes.
	RowsPerSecond int64 `json:"rows_per_second,omitempty"`
	// Report says when the part reports its progress. Defaults to never.
	Report ReportRule `json:"report,omitzero"`
}

// ImportNo returns the import's number.
func (r ImportRef) ImportNo() int64 { return r.ImportID }

// ImportNo returns the import's number.
func (r PartRef) ImportNo() int64 { return r.ImportID }

// ImportNo returns the import's number.
func (e Ended) ImportNo() int64 { return e.ImportID }

// Kit is what every activity about an import needs.
type Kit struct {
	Store    *importstore.Store
	Registry *importers.Registry
	// Connections opens the connections that imports name. Defaults to none.
	Connections connections.Opener
	// Wants returns what flows want of an import that has ended: its end, its rows. Defaults to
	// nothing.
	Wants func(ctx context.Context, o Outcome) (end, records bool, err error)
}

// subject is an import with everything that its importer's callbacks need.
type subject struct {
	stored   importstore.Import
	site     importstore.Site
	importer importers.Importer
	imp      importers.Import
}

// read reads an import without its importer, which the worker need not have.
func (k Kit) read(ctx context.Context, id int64) (subject, error) {
	stored, err := k.Store.Import(ctx, id)
	if err != nil {
		return subject{}, err
	}
	site, err := k.Store.SiteByID(ctx, stored.SiteID)
	if err != nil {
		return subject{}, fmt.Errorf("read the site of import %d: %w", id, err)
	}
	data, err := k.Store.ImportData(ctx, id)
	if err != nil {
		return subject{}, err
	}
	return subject{
		stored: stored, site: site,
		imp: importers.Import{
			ID:          id,
			Site:        importers.Site{ID: site.ID, Domain: site.Domain, TimeZone: site.TimeZone},
			Args:        stored.Args,
			Checked:     data.Checked,
			Chunk:       importers.ChunkLimit{Rows: int(stored.ChunkRows), Bytes: int(stored.ChunkBytes)},
			Feedback:    k.feedback(ctx, id),
			Connections: k.opener(),
		},
	}, nil
}

// loadSubject reads an import and looks up its importer. Activities that call it run on the task
// queues of the importer.
func (k Kit) loadSubject(ctx context.Context, id int64) (subject, error) {
	s, err := k.read(ctx, id)
	if err != nil {
		return subject{}, err
	}
	if s.importer, err = k.Registry.Lookup(s.stored.Source); err != nil {
		// The input named another importer than the store does.
		return subject{}, fmt.Errorf("import %d: %w", id, err)
	}
	s.imp.Conn = k.conn(s.importer)
	return s, nil
}

// schemaOf returns the schema of an importer, "" if it has none.
func schemaOf(importer importers.Importer) string {
	if owner, ok := importer.(importers.SchemaOwner); ok {
		return owner.Schema()
	}
	return ""
}

// conn returns what connects to an importer's schema, nil if it has none.
func (k Kit) conn(importer importers.Importer) func(ctx context.Context) (*sql.Conn, error) {
	schema := schemaOf(importer)
	if schema == "" {
		return nil
	}
	return func(ctx context.Context) (*sql.Conn, error) { return k.Store.SchemaConn(ctx, schema) }
}

func (k Kit) opener() connections.Opener {
	if k.Connections == nil {
		return connections.None{}
	}
	return k.Connections
}

// advance moves an import to a phase.
func (k Kit) advance(ctx context.Context, ref ImportRef, phase string) error {
	return k.Store.EnterPhase(ctx, ref.ImportID, importstore.Entry{
		Run: runOf(ctx), FencingToken: ref.FencingToken, Status: importstore.StatusRunning, Phase: phase,
	})
}

// enter moves an import to a phase and loads it.
func (k Kit) enter(ctx context.Context, ref ImportRef, phase string) (subject, error) {
	if err := k.advance(ctx, ref, phase); err != nil {
		return subject{}, err
	}
	return k.loadSubject(ctx, ref.ImportID)
}

// runOf returns the run of the workflow that the activity belongs to.
func runOf(ctx context.Context) string { return activity.GetInfo(ctx).WorkflowExecution.RunID }

// feedback returns the import's log, as the activity writes to it.
func (k Kit) feedback(ctx context.Context, id int64) feedback {
	info := activity.GetInfo(ctx)
	return feedback{store: k.Store, id: id, activity: info.WorkflowExecution.RunID + "/" + info.ActivityID}
}

// feedback writes an importer's messages to the import's log. The occasion of a line
// is the activity and the text, so that a retry says nothing twice, and a later
// activity may say the same again.
type feedback struct {
	store    *importstore.Store
	id       int64
	activity string
}

func (f feedback) Info(ctx context.Context, message string) error {
	return f.add(ctx, importstore.LevelInfo, message)
}

func (f feedback) Warn(ctx context.Context, message string) error {
	return f.add(ctx, importstore.LevelWarn, message)
}

// WarnPart writes the warning to the line that has it already, if there is one.
func (f feedback) WarnPart(ctx context.Context, w importers.PartWarning) error {
	return f.store.AddPartFeedback(ctx, f.id, importstore.PartLine{
		Level: importstore.LevelWarn, Part: w.Part, Message: w.Message, Rows: w.Rows, Text: w.Text,
	})
}

func (f feedback) Error(ctx context.Context, message string) error {
	return f.add(ctx, importstore.LevelError, message)
}

func (f feedback) add(ctx context.Context, level, message string) error {
	sum := sha256.Sum256([]byte(level + message))
	return f.store.AddFeedback(ctx, f.id, level, f.activity+"/"+hex.EncodeToString(sum[:8]), message)
}

var _ importers.Feedback = feedback{}
