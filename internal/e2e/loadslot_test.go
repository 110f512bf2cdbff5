//go:build unix

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// hanging is a source that does not answer.
type hanging struct {
	importers.Importer
	once    sync.Once
	reading chan struct{}
}

// Name is not noop's.
func (*hanging) Name() string { return "hanging" }

// ImportData returns a reader that waits for ever.
func (h *hanging) ImportData(context.Context, importers.Import, importers.Part, importers.Cursor) (importers.Reader, error) {
	return h, nil
}

// Next waits until its context ends.
func (h *hanging) Next(ctx context.Context, _ *importers.Chunk) error {
	h.once.Do(func() { close(h.reading) })
	<-ctx.Done()
	return ctx.Err()
}

// Close frees nothing.
func (*hanging) Close() error { return nil }

// piped replaces a planned file by a named pipe that no process writes to.
type piped struct {
	*csv.Importer
	path string
}

// ImportData replaces the file first.
func (p *piped) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if err := os.Remove(p.path); err != nil {
		return nil, err
	}
	if err := syscall.Mkfifo(p.path, 0o600); err != nil {
		return nil, err
	}
	return p.Importer.ImportData(ctx, imp, part, from)
}

// The only load slot is free again after an import that was cancelled while its source did not
// answer.
func TestLoadSlotOfCancelledPart(t *testing.T) {
	t.Parallel()
	h := &hanging{Importer: noop.New(), reading: make(chan struct{})}
	s := setup(t, h, enginetest.Impatient(noop.New()))
	s.Settings.Worker.LoadSlots = 1
	s.AddSite(t, "second.example")
	s.StartWorker(t)
	r := s.noopRequest(site, `{"rows": 100}`)
	r.Source = "hanging"
	imp := s.Start(t, r)
	<-h.reading
	second := s.noop("second.example", `{"rows": 100}`)
	require.NoError(t, s.Starter.Cancel(enginetest.Context(t), imp.ID, bob))
	s.end(imp, importstore.StatusCancelled)
	s.end(second, importstore.StatusCompleted)
}

// A file that is a named pipe by the time it is read does not occupy the only load slot.
func TestLoadSlotOfNamedPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &piped{Importer: csv.New(), path: filepath.Join(dir, visitorsFile)}
	s := &system{System: enginetest.NewSystem(t, importers.NewRegistry(p, enginetest.Impatient(noop.New()))), t: t}
	s.Settings.Worker.LoadSlots = 1
	s.AddSite(t, site)
	s.AddSite(t, "second.example")
	folder{t: t, dir: dir}.visitors(goodRow)
	s.StartWorker(t)
	r := s.noopRequest(site, `{"paths": ["`+dir+`"]}`)
	r.Source = "csv"
	imp := s.Start(t, r)
	last := s.end(imp, importstore.StatusFailed)
	require.Contains(t, last.Import.Error, "is not a regular file but a named pipe")
	s.end(s.noop("second.example", `{"rows": 100}`), importstore.StatusCompleted)
}
