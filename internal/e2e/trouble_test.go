package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// What fails three times and then works is seen while it fails, and not in the end.
// The pauses are the real ones.
func TestTransientFailure(t *testing.T) {
	t.Parallel()
	s := setup(t, noop.New())
	s.StartWorker(t)
	for name, tc := range map[string]struct{ args, failure string }{
		"error while loading": {`{"rows": 100, "fail": "import_data", "fail_times": 3}`, "noop failed as configured in import_data"},
		"panic while loading": {`{"rows": 100, "panic": "import_data", "fail_times": 3}`, "panic: noop panicked as configured in import_data"},
		"error in a callback": {`{"rows": 100, "fail": "plan", "fail_times": 2}`, "noop failed as configured in plan"},
		"panic in a callback": {`{"rows": 100, "panic": "before_start", "fail_times": 2}`, "panic: noop panicked as configured in before_start"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			domain := strings.ReplaceAll(name, " ", "-") + ".example"
			s := &system{System: s.System, t: t}
			s.AddSite(t, domain)
			imp := s.noop(domain, tc.args)
			s.WaitFor(t, imp.ID, "failing", func(now importstore.Summary) bool {
				return strings.Contains(now.Import.AttemptError, tc.failure)
			})
			last := s.end(imp, importstore.StatusCompleted)
			require.EqualValues(t, 100, last.RowsLoaded)
			require.Equal(t, sumTo(100), s.visitors(imp))
		})
	}
}

// foul is an importer whose words cannot be written down as they are.
type foul struct {
	*noop.Importer
	panics bool
}

// BeforeStart fails.
func (f foul) BeforeStart(context.Context, importers.Import) (json.RawMessage, error) {
	err := errors.New("\xff\xfe\x00 is not text")
	if f.panics {
		panic(err)
	}
	return nil, importers.Permanent(importers.ClassInput, err)
}

// Whatever an importer says, the import ends, with what can be written down of it.
func TestUnspeakableErrors(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]bool{"error": false, "panic": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, foul{Importer: noop.New(), panics: panics})
			s.StartWorker(t)
			imp := s.noop(site, `{"rows": 1}`)
			if panics {
				// Ten attempts would take minutes: that it is heard of is enough.
				now := s.WaitFor(t, imp.ID, "failing", func(now importstore.Summary) bool { return now.Import.AttemptError != "" })
				require.Contains(t, now.Import.AttemptError, "panic: \uFFFD")
				require.NoError(t, s.Starter.Cancel(enginetest.Context(t), imp.ID, starter.By{}))
				s.end(imp, importstore.StatusCancelled)
				return
			}
			last := s.end(imp, importstore.StatusFailed)
			require.Equal(t, string(importers.ClassInput), last.Import.ErrorClass)
			require.Contains(t, last.Import.Error, "is not text")
		})
	}
}
