package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// newApp returns the command line.
func newApp(t *testing.T, s Streams) *cli.App {
	t.Helper()
	app, err := New(s)
	require.NoError(t, err)
	return app
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// shell runs commands in an environment of its own.
type shell struct {
	environ []string
	stdin   string
	// kinds are the kinds of connections, by default those of the program.
	kinds *connections.Registry
}

// components are those of the program sluice, except for the kinds.
func (s shell) components(settings config.Config) (components.Set, error) {
	set := components.Stock(settings)
	if s.kinds != nil {
		set.Kinds = s.kinds
	}
	return set, nil
}

// run runs a command to its end.
func (s shell) run(t *testing.T, args ...string) result {
	t.Helper()
	return s.runContext(enginetest.Context(t), args...)
}

func (s shell) runContext(ctx context.Context, args ...string) result {
	var out, stderr bytes.Buffer
	code := Run(ctx, args, Streams{
		In: strings.NewReader(s.stdin), Out: &out, Err: &stderr, Environ: s.environ, Components: s.components,
	})
	return result{code: code, out: out.String(), err: stderr.String()}
}

// ok runs a command that must succeed, and returns what it wrote.
func (s shell) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := s.run(t, args...)
	require.Zerof(t, r.code, "sluice %s: %s", strings.Join(args, " "), r.err)
	return r.out
}

// json runs a command that must succeed and decodes what it wrote.
func (s shell) json(t *testing.T, into any, args ...string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(s.ok(t, append(args, "--output", "json")...)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into))
	_, err := decoder.Token()
	require.ErrorIs(t, err, io.EOF, "there is text behind the JSON value")
}

// fails runs a command that must fail with exactly this error. TestExitCodes is about the
// codes.
func (s shell) fails(t *testing.T, want string, args ...string) {
	t.Helper()
	r := s.run(t, args...)
	require.Containsf(t, []int{exitFailure, exitUsage, exitRefused, exitUnavailable}, r.code,
		"sluice %s: %s", strings.Join(args, " "), r.out)
	require.Equal(t, "sluice: "+want+"\n", r.err)
	require.Empty(t, r.out)
}

// storeAway follows the error about an unknown component while the store does not answer.
const storeAway = "\nWhat live workers offer is not known: reach the store: failed to connect to `user=u database=d`"

// offline is a shell for commands that must fail before they reach anything.
func offline() shell {
	return shell{environ: []string{
		"SLUICE_STORE_DSN=postgres://u@127.0.0.1:1/d", "SLUICE_WAREHOUSE_DSN=http://127.0.0.1:1/d", "TEMPORAL_ADDRESS=127.0.0.1:1",
	}}
}

// hasty is the noop importer, whose errors are tried again at once: a part is parked
// within a second instead of minutes.
type hasty struct{ *noop.Importer }

var _ importers.Cleaner = hasty{}

// ImportData opens a part.
func (h hasty) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	r, err := h.Importer.ImportData(ctx, imp, part, from)
	if err != nil {
		return nil, importers.RetryAfter(time.Millisecond, err)
	}
	return r, nil
}

// start returns a system with a worker, and a shell that uses it.
func start(t *testing.T) (*enginetest.System, shell) {
	t.Helper()
	system, s := systemWithoutWorker(t)
	system.StartWorker(t)
	return system, s
}

func systemWithoutWorker(t *testing.T) (*enginetest.System, shell) {
	t.Helper()
	system := enginetest.NewSystem(t, importers.NewRegistry(csv.New(), hasty{noop.New()}))
	return system, shell{environ: append(system.Environ(), "USER=ann")}
}

// visitors writes an export with one bad row and one outside the days of its name's
// sibling, and returns its folder.
func visitors(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{
		"imported_visitors_20230101_20230103.csv": "date,visitors,pageviews,bounces,visits,visit_duration\n" +
			"2023-01-01,1,2,0,1,10\n2023-01-02,x,2,0,1,10\n2023-01-03,3,2,0,1,10\n2022-01-03,3,2,0,1,10\n",
		"imported_devices_20230101_20230103.csv": "date,device,visitors,visits,visit_duration,pageviews,bounces\n" +
			"2023-01-01,Desktop,1,2,0,1,10\n2023-01-02,Mobile,7,2,0,1,10\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// What differs from run to run, in the width that it has.
var volatile = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "RUN-ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "YYYY-MM-DD HH:MM:SS"},
	{regexp.MustCompile(`, loaded in .* rows/s`), ""},
	{regexp.MustCompile(`\b\d\ds ago`), "#.#s ago"},
	{regexp.MustCompile(`\b(\d\.\ds|\d\ds )`), "#.#s"},
	{regexp.MustCompile(`\b(\d+m)?\d\ds`), "#.#s"},
	{regexp.MustCompile(`imports end before \d{4}-\d\d-\d\d`), "imports end before TOMORROW"},
	{regexp.MustCompile(`\bgo1\.[0-9.a-z]+ [a-z]+/[a-z0-9]+`), "goVERSION OS/ARCH"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
}

// golden compares text with testdata/<name>.golden.
func golden(t *testing.T, name, text string) {
	t.Helper()
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	for line := range strings.Lines(text) {
		require.Equalf(t, strings.TrimRight(line, " \n"), strings.TrimRight(line, "\n"), "%s: blanks at the end of a line", name)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), text)
}

// screen collects what a running command writes, and lets a test wait for it.
type screen struct {
	mu      sync.Mutex
	text    strings.Builder
	written chan struct{}
}

func newScreen() *screen { return &screen{written: make(chan struct{}, 1)} }

// Write adds text.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.written <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the text stands on the screen.
func (s *screen) await(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	require.NoError(t, s.awaitText(ctx, text))
}

// awaitText is await for goroutines other than the test's.
func (s *screen) awaitText(ctx context.Context, text string) error {
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.written:
		case <-ctx.Done():
			return fmt.Errorf("the text never came: want %q, got %q", text, s.String())
		}
	}
	return nil
}

// background runs a command until stop, which interrupts it and returns its exit code.
func (s shell) background(t *testing.T, args ...string) (out, stderr *screen, stop, wait func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(enginetest.Context(t))
	out, stderr = newScreen(), newScreen()
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, args, Streams{In: strings.NewReader(s.stdin), Out: out, Err: stderr, Environ: s.environ})
	}()
	ended, code := false, 0
	wait = func() int {
		if !ended {
			code, ended = <-done, true
		}
		return code
	}
	stop = func() int { cancel(); return wait() }
	t.Cleanup(func() { stop() })
	return out, stderr, stop, wait
}
