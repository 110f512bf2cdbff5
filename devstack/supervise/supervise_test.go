package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/ports"
)

// bundle is a supervisor with what the tests look at.
type bundle struct {
	*Supervisor
	output *syncBuffer
	logDir string
}

func setup(t *testing.T) bundle {
	t.Helper()
	b := bundle{output: &syncBuffer{}, logDir: filepath.Join(t.TempDir(), "logs")}
	var err error
	b.Supervisor, err = New(Config{Output: b.output, LogDir: b.logDir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	return b
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := ports.Free("127.0.0.1", 1)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(free[0]))
}

// ask returns the process id that the server at address answers with.
func ask(ctx context.Context, address string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(string(body))
}

func answers(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := ask(ctx, address)
		return err
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func requireFree(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool { return ports.Check(address) == nil }, time.Minute, 10*time.Millisecond,
		"something still listens on %s", address)
}

func TestChild(t *testing.T) {
	t.Parallel()

	t.Run("is ready when it answers and its lines are shown and kept", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "serve", address)
		spec.Name, spec.Ready = "engine", answers(address)
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))

		pid, err := ask(t.Context(), address)
		require.NoError(t, err)
		require.Equal(t, pid, c.PID())
		require.NoError(t, c.Stop(t.Context()))
		require.Zero(t, c.PID())
		require.NoError(t, c.Err())
		require.ErrorIs(t, c.WaitReady(t.Context()), ErrStopped)
		require.Equal(t, "engine | serving\n", b.output.String())
		logged, err := os.ReadFile(filepath.Join(b.logDir, "engine.log"))
		require.NoError(t, err)
		require.Equal(t, "serving\n", string(logged))
	})

	t.Run("is restarted after a kill, and WaitReady waits for the new process", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "serve", address)
		spec.Ready = answers(address)
		c, err := b.Start(spec)
		require.NoError(t, err)
		for i := range 3 {
			require.NoError(t, c.WaitReady(within(t, time.Minute)))
			before := c.PID()
			require.NoError(t, c.Kill())
			require.NoError(t, c.WaitReady(within(t, time.Minute)))
			pid, err := ask(t.Context(), address)
			require.NoError(t, err)
			require.NotEqual(t, before, pid)
			require.Equal(t, i+1, c.Restarts())
		}
	})

	t.Run("is given up after failing to start, with its last lines", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		spec := self(t, "fail", "3")
		spec.Ready = func(context.Context) error { return errors.New("not ready") }
		spec.MaxStartFailures, spec.MinBackoff = 2, time.Millisecond
		c, err := b.Start(spec)
		require.NoError(t, err)
		err = c.WaitReady(within(t, time.Minute))
		var failed *FailedError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, 2, failed.Attempts)
		require.ErrorContains(t, err, "2 times in a row: exit status 3")
		require.ErrorContains(t, err, "cannot open the moon")
	})

	t.Run("that keeps failing is reported with its last lines", func(t *testing.T) {
		t.Parallel()
		log := &syncBuffer{}
		s, err := New(Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
		spec := self(t, "fail", "3")
		spec.Ready = func(context.Context) error { return errors.New("not ready") }
		spec.MaxStartFailures, spec.MinBackoff = 4, time.Millisecond
		c, err := s.Start(spec)
		require.NoError(t, err)
		require.Error(t, c.WaitReady(within(t, time.Minute)))
		require.Contains(t, log.String(), "child ended, starting it again")
		require.Regexp(t, `child keeps failing.*failures=3 last_lines=.*cannot open the moon`, log.String())
	})

	t.Run("is given up at once when it says that it is pointless", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		c, err := b.Start(func() Spec {
			spec := self(t, "fail", strconv.Itoa(ExitPermanent))
			spec.Ready = func(context.Context) error { return errors.New("not ready") }
			return spec
		}())
		require.NoError(t, err)
		var failed *FailedError
		require.ErrorAs(t, c.WaitReady(within(t, time.Minute)), &failed)
		require.Equal(t, 1, failed.Attempts)
	})

	t.Run("gets another chance when the first start fails", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "once", filepath.Join(t.TempDir(), "tried"), address)
		spec.Ready = answers(address)
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
		require.Equal(t, 1, c.Restarts())
	})

	t.Run("that is never ready is killed and given up", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "serve", address)
		spec.Ready = func(context.Context) error { return errors.New("warming up") }
		spec.ReadyTimeout, spec.MaxStartFailures = 100*time.Millisecond, 1
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.ErrorContains(t, c.WaitReady(within(t, time.Minute)), "not ready after 100ms: warming up")
		requireFree(t, address)
	})

	t.Run("that turns unhealthy is restarted", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		var first int
		spec := self(t, "serve", address)
		spec.HealthInterval, spec.UnhealthyAfter = 5*time.Millisecond, 20*time.Millisecond
		// The probe is never called concurrently; the first process is unhealthy
		// from its second probe on.
		spec.Ready = func(ctx context.Context) error {
			pid, err := ask(ctx, address)
			switch {
			case err != nil:
				return err
			case first == 0:
				first = pid
			case first == pid:
				return errors.New("unhealthy")
			}
			return nil
		}
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return c.Restarts() == 1 }, time.Minute, 10*time.Millisecond)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
	})

	t.Run("that ignores the stop signal is killed", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "stubborn", address)
		spec.StopTimeout, spec.Ready = 50*time.Millisecond, answers(address)
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
		require.NoError(t, c.Stop(t.Context()))
		requireFree(t, address)
	})

	t.Run("takes what it has started with it, however it ends", func(t *testing.T) {
		t.Parallel()
		b, address, grandchild := setup(t), freeAddress(t), freeAddress(t)
		spec := self(t, "family", grandchild, address)
		spec.Ready = func(ctx context.Context) error {
			return errors.Join(answers(address)(ctx), answers(grandchild)(ctx))
		}
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
		before, err := ask(t.Context(), grandchild)
		require.NoError(t, err)
		require.NoError(t, c.Kill())
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
		after, err := ask(t.Context(), grandchild)
		require.NoError(t, err)
		require.NotEqual(t, before, after)
		require.NoError(t, c.Stop(t.Context()))
		requireFree(t, address)
		requireFree(t, grandchild)
	})

	t.Run("stops at once when the context of Stop has ended", func(t *testing.T) {
		t.Parallel()
		b, address := setup(t), freeAddress(t)
		spec := self(t, "stubborn", address)
		spec.StopTimeout, spec.Ready = time.Hour, answers(address)
		c, err := b.Start(spec)
		require.NoError(t, err)
		require.NoError(t, c.WaitReady(within(t, time.Minute)))
		hurry, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, c.Stop(hurry))
		requireFree(t, address)
	})

	t.Run("whose program does not exist is reported", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		c, err := b.Start(Spec{Name: "ghost", Path: filepath.Join(t.TempDir(), "ghost"), MaxStartFailures: 1})
		require.NoError(t, err)
		require.ErrorContains(t, c.WaitReady(within(t, time.Minute)), "ghost failed to start: start process:")
		require.ErrorContains(t, c.Kill(), "no process is running")
	})
}

func TestSupervisor(t *testing.T) {
	t.Parallel()

	t.Run("refuses an invalid spec and reports every fault", func(t *testing.T) {
		t.Parallel()
		_, err := setup(t).Start(Spec{MaxStartFailures: -1})
		require.ErrorContains(t, err, "name is missing")
		require.ErrorContains(t, err, "path of the program is missing")
		require.ErrorContains(t, err, "max start failures is negative")
	})

	t.Run("starts nothing once it is closed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.NoError(t, b.Close(t.Context()))
		_, err := b.Start(self(t, "fail", "1"))
		require.ErrorContains(t, err, "supervisor is closed")
	})

	t.Run("stops the last child first", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		children := make([]*Child, 3)
		for i := range children {
			address := freeAddress(t)
			spec := self(t, "serve", address)
			spec.Name, spec.Ready = fmt.Sprintf("c%d", i), answers(address)
			var err error
			children[i], err = b.Start(spec)
			require.NoError(t, err)
			require.NoError(t, children[i].WaitReady(within(t, time.Minute)))
		}
		order := make(chan string, len(children))
		for _, c := range children {
			go func() {
				<-c.Done()
				order <- c.Name()
			}()
		}
		require.NoError(t, b.Close(t.Context()))
		require.Equal(t, []string{"c2", "c1", "c0"}, []string{<-order, <-order, <-order})
	})
}
