package importertest

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

var allDays = calendar.NewSet(calendar.Range{First: calendar.MinDay, Last: calendar.MaxDay})

// recorder is a test that notes its failures instead of failing.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

// record runs a check and returns its failures.
func record(t *testing.T, check func(testing.TB, Config), cfg Config) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		// FailNow ends the goroutine here as it does in a real test.
		defer close(done)
		check(r, cfg)
	}()
	<-done
	return r.failures
}

func configOf(b func() *broken) Config {
	return Config{
		New: func(testing.TB) Subject {
			broken := b()
			broken.Importer = noop.New()
			return Subject{Importer: broken, Args: json.RawMessage(
				`{"rows": 60, "parts": 2, "bad_rows": 3, "start_date": "2021-01-01", "end_date": "2021-01-07"}`)}
		},
		Secrets: []string{secret},
	}
}

// The suite must find what it is there to find.
func TestBrokenImportersFail(t *testing.T) {
	t.Parallel()
	for _, check := range checks {
		require.NotEmpty(t, breakages[check.name], "no breakage for %q", check.name)
		for name, breakage := range breakages[check.name] {
			t.Run(check.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				require.NotEmpty(t, record(t, check.run, configOf(breakage)), "the breakage was not found")
			})
		}
	}
	require.Len(t, breakages, len(checks))
}

func TestSoundImporterPasses(t *testing.T) {
	t.Parallel()
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, record(t, check.run, configOf(func() *broken { return &broken{} })))
		})
	}
}

// The failure that reports a secret must not repeat it.
func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for name, breakage := range breakages["secrets stay secret"] {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, failure := range record(t, checkSecrets, configOf(breakage)) {
				require.NotContains(t, failure, secret)
			}
		})
	}
}

// A call that continues after its context is done is abandoned.
func TestDeafImporterFails(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	cfg := configOf(func() *broken {
		return &broken{open: func(ctx *context.Context, _ *importers.Import, _ *importers.Cursor) error {
			if (*ctx).Err() != nil {
				<-release
			}
			return nil
		}}
	})
	cfg.prompt = 50 * time.Millisecond
	failures := record(t, checkCancel, cfg)
	close(release)
	require.Len(t, failures, 1)
	require.Contains(t, failures[0], "continues although its context is done")
}

func TestReadPartKeepsCopies(t *testing.T) {
	t.Parallel()
	b := setup(t, configOf(func() *broken { return &broken{} }))
	copies := b.read(t, b.plan.Parts[0], "")
	require.Len(t, copies, 5)
	require.Len(t, copies[0].Rejects, 3)
	require.Equal(t, "18631\t4\t12\t0\t8\t240\t", copies[0].Rows[0])
	require.Equal(t, "18628\t8\t24\t0\t16\t480\t", copies[1].Rows[0])
}

func TestLog(t *testing.T) {
	t.Parallel()
	log := &Log{}
	require.NoError(t, log.Info(t.Context(), "a"))
	require.NoError(t, log.Warn(t.Context(), "b"))
	require.Error(t, log.Warn(cancelled(t), "c"))
	require.Equal(t, []string{"info: a", "warn: b"}, log.Lines())
}
