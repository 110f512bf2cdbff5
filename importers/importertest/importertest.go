// Package importertest is the conformance suite of importers. It checks the contract between
// importers and the import workflow. An importer's tests call it once:
//
//	func TestConformance(t *testing.T) {
//		t.Parallel()
//		importertest.Run(t, importertest.Config{
//			New: func(tb testing.TB) importertest.Subject {
//				server := fake.Start(tb) // closed by tb.Cleanup
//				return importertest.Subject{
//					Importer: things.New(server.URL),
//					Args:     json.RawMessage(`{"account": "12"}`),
//				}
//			},
//			BadArgs: []json.RawMessage{json.RawMessage(`{"account": 12}`)},
//			Secrets: []string{fake.Token},
//		})
//	}
//
// A suitable source has several parts, rows of several days, a few invalid rows if the source
// can have them, and at most a few thousand rows, because the suite reads them from every
// cursor.
package importertest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
)

// Subject is an importer and a source for it.
type Subject struct {
	// Importer is the importer under test.
	Importer importers.Importer
	// Args are a user's arguments, whose plan has at least one part and one row.
	Args json.RawMessage
	// Connections opens the connections named in the arguments. Defaults to none.
	Connections connections.Opener
}

// Config configures the suite.
type Config struct {
	// New returns an importer and an unused source. It is called once for each check, and
	// releases its resources with tb.Cleanup.
	New func(tb testing.TB) Subject
	// BadArgs are arguments that ParseArgs must reject, in addition to those of the suite. A secret
	// among them must be in Secrets.
	BadArgs []json.RawMessage
	// Secrets lists the importer's secrets, which must not appear in errors, cursors, labels,
	// arguments of parts, reasons of rejects and feedback.
	Secrets []string
	// ChunkRows is the number of rows of a chunk in most checks. Defaults to 7, so that small
	// sources have several chunks.
	ChunkRows int
	// Site is the site of the import. Defaults to ID 1, example.com, UTC.
	Site importers.Site

	// prompt bounds a call after its context is done. Defaults to promptly; tests of the suite
	// use less.
	prompt time.Duration
}

// Run runs all checks, each as a parallel subtest.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			check.run(t, cfg)
		})
	}
}

// checks are in the order in which their failures are best read.
var checks = []struct {
	name string
	run  func(tb testing.TB, cfg Config)
}{
	{"names", checkNames},
	{"arguments", checkArgs},
	{"plan", checkPlan},
	{"reading twice gives the same", checkTwice},
	{"reading from every cursor gives the rest", checkCursors},
	{"chunks respect the row limit", checkRowLimit},
	{"chunks respect the byte limit", checkByteLimit},
	{"rows read are accounted for", checkAccounting},
	{"rejects have reasons", checkRejects},
	{"no row is outside the window", checkWindow},
	{"rows of other days are counted separately", checkDays},
	{"confirmed days are the part's", checkConfirmed},
	{"parts are read concurrently", checkConcurrent},
	{"hooks can be called again", checkHooks},
	{"cancelling is prompt", checkCancel},
	{"secrets stay secret", checkSecrets},
}

// bench is a subject with parsed arguments and a planned import.
type bench struct {
	importers.Importer
	imp   importers.Import
	plan  importers.Plan
	lines *Log
}

// setup plans an import of all days of the source.
func setup(tb testing.TB, cfg Config) *bench {
	tb.Helper()
	b := prepare(tb, cfg)
	require.NoError(tb, b.before(tb.Context()), "BeforeStart")
	plan, err := b.Plan(tb.Context(), b.imp)
	require.NoError(tb, err, "Plan")
	require.NotEmpty(tb, plan.Parts, "a source for the suite has at least one part")
	b.plan = plan.WithDays()
	b.imp.Window = calendar.NewSet(plan.Range)
	return b
}

// BeforeStart calls an importer's BeforeStart, and checks the returned data.
func BeforeStart(ctx context.Context, importer importers.Importer, imp importers.Import) error {
	data, err := importer.BeforeStart(ctx, imp)
	if err != nil {
		return err
	}
	return checkJSON("BeforeStart", data, importers.MaxData)
}

func (b *bench) before(ctx context.Context) error { return BeforeStart(ctx, b.Importer, b.imp) }

// checkJSON rejects data outside the contract.
func checkJSON(what string, data []byte, limit int) error {
	if data != nil && (len(data) > limit || !json.Valid(data)) {
		return fmt.Errorf("%s returned %d bytes: want JSON of at most %d bytes", what, len(data), limit)
	}
	return nil
}

// prepare creates an import that is not planned yet.
func prepare(tb testing.TB, cfg Config) *bench {
	tb.Helper()
	s := cfg.New(tb)
	args, err := s.Importer.ParseArgs(s.Args)
	require.NoError(tb, err, "ParseArgs")
	b := &bench{Importer: s.Importer, lines: &Log{}}
	b.imp = importers.Import{
		ID: 1, Site: cfg.Site, Args: args, Feedback: b.lines,
		Chunk: importers.ChunkLimit{Rows: cfg.ChunkRows, Bytes: 1 << 30}, Connections: s.Connections,
	}
	if b.imp.Connections == nil {
		b.imp.Connections = connections.None{}
	}
	if b.imp.Site == (importers.Site{}) {
		b.imp.Site = importers.Site{ID: 1, Domain: "example.com", TimeZone: "UTC"}
	}
	b.imp.Chunk.Rows = cmp.Or(b.imp.Chunk.Rows, 7)
	return b
}

// cancelled returns a context that is done.
func cancelled(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}
