package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/syncwatch"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// watching is a state file, fakes of both systems and a stack without a worker.
type watching struct {
	system    *enginetest.System
	rows      *syncstore.Store
	mailchimp *fakemailchimp.Server
	ometria   *fakeometria.Server
	// from and to are the URLs of the fakes.
	from, to string
	file     string
}

func setUpWatch(t *testing.T, content string) *watching {
	t.Helper()
	w := &watching{
		system:    enginetest.NewSystem(t, importers.NewRegistry()),
		mailchimp: fakemailchimp.New(fakemailchimp.Config{}),
		ometria:   fakeometria.New(fakeometria.Config{Rate: -1, Queue: -1}),
		file:      filepath.Join(t.TempDir(), "state.json"),
	}
	w.rows = syncstore.New(w.system.Store.Store)
	from, to := httptest.NewServer(w.mailchimp), httptest.NewServer(w.ometria)
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	w.from, w.to = from.URL+"/3.0", to.URL+"/v2"
	w.write(t, content)
	return w
}

func (w *watching) write(t *testing.T, content string) {
	t.Helper()
	// In one step, as editors do: a watch reads at any time.
	next := w.file + ".next"
	require.NoError(t, os.WriteFile(next, []byte(content), 0o600))
	require.NoError(t, os.Rename(next, w.file))
}

func (w *watching) content(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(w.file)
	require.NoError(t, err)
	return string(content)
}

// entries returns the entries of the file.
func (w *watching) entries(t *testing.T) (all []map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(w.content(t)), &all))
	return all
}

// fill adds members that changed at a time.
func (w *watching) fill(from, to int, at time.Time) {
	for i := from; i < to; i++ {
		w.mailchimp.Put(fakemailchimp.Member{
			Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: at, OptedIn: at,
			MergeFields: map[string]any{"FNAME": fmt.Sprint("First ", i)},
		})
	}
}

// delivered is the number of records in the target.
func (w *watching) delivered() int { return len(w.ometria.Records()) }

// quit creates the quit file.
func (w *watching) quit(t *testing.T) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(w.file), syncwatch.QuitFile), nil, 0o600))
}

// process is a running `sluice sync watch`.
type process struct {
	*exec.Cmd
	mu     sync.Mutex
	lines  []string
	errors strings.Builder
	// written has room for one: it says that there is a new line.
	written chan struct{}
	ended   chan struct{}
	failure error
}

// start watches the file in a process of its own, with a number of requests a second.
func (w *watching) start(t *testing.T, perSecond int, args ...string) *process {
	t.Helper()
	args = append([]string{
		"sync", "watch", "--state-file", w.file, "--interval", "1s", "--mailchimp", "endpoint=" + w.from,
		"--ometria", "endpoint=" + w.to, "--ometria", fmt.Sprintf("requests_per_second:=%d", perSecond),
	}, args...)
	p := &process{
		Cmd:     exec.CommandContext(enginetest.Context(t), os.Args[0], args...),
		written: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	p.Env = append(append(os.Environ(), w.system.Environ()...), asSluice+"=1", "SLUICE_CONNECTIONS_KEYSET_FILE=",
		"SLUICE_CONNECTIONS_ADDRESSES=mailchimp=loopback, ometria=loopback",
		"MAILCHIMP_APIKEY="+fakemailchimp.Key, "OMETRIA_APIKEY="+fakeometria.Key)
	p.Stderr = &p.errors
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			p.mu.Unlock()
			p.wake()
		}
		p.failure = p.Wait()
		p.wake()
	}()
	t.Cleanup(func() {
		if err := p.Process.Kill(); err == nil {
			<-p.ended
		}
	})
	return p
}

func (p *process) wake() {
	select {
	case p.written <- struct{}{}:
	default:
	}
}

// log returns all lines so far.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits for a line with a text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(p.log(), text) {
		select {
		case <-p.written:
		case <-p.ended:
			if !strings.Contains(p.log(), text) {
				require.FailNowf(t, "the watch has ended", "want %q, got %s\n%s", text, p.log(), p.errors.String())
			}
		case <-time.After(2 * time.Minute):
			require.FailNowf(t, "the line never came", "want %q, got %s", text, p.log())
		}
	}
}

// wait returns the exit code of a process that ends.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * time.Minute):
		require.FailNow(t, "the watch does not end", p.log())
	}
	return p.ProcessState.ExitCode()
}

// kill kills the process without a warning.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGKILL))
	p.wait(t)
}
