package eventlog_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
)

func childConfig(address string) eventlog.Config {
	return eventlog.Config{
		URL: "nats://" + childToken + "@" + address, Partitions: 2, Streams: 1, MaxBytes: 64 << 20, Logger: quiet,
		AttemptTimeout: time.Second,
	}
}

// The server is killed again and again while events are appended. Every event that was
// acknowledged is in the log, each once; the others once or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	server := startChild(t, dir, "")
	l := open(ctx, t, childConfig(server.address))
	id := l.ID()
	var acknowledged sync.Map
	var count, next atomic.Int64
	appending, stopAppending := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for appending.Err() == nil {
				event := text(int(next.Add(1)))
				if _, err := l.Append(appending, 0, event); err == nil {
					acknowledged.Store(string(event), true)
					count.Add(1)
				}
			}
		})
	}
	for round := int64(1); round <= 3; round++ {
		before := count.Load()
		require.Eventually(t, func() bool { return count.Load() >= before+100 }, time.Minute, time.Millisecond)
		server.kill()
		server = startChild(t, dir, server.address)
	}
	before := count.Load()
	require.Eventually(t, func() bool { return count.Load() >= before+100 }, time.Minute, time.Millisecond)
	stopAppending()
	wg.Wait()

	cfg := childConfig(server.address)
	cfg.ExpectID = id
	seen := map[string]int{}
	for _, event := range readAll(ctx, t, open(ctx, t, cfg), 0, 1) {
		seen[event]++
		require.Equal(t, 1, seen[event], event)
	}
	acknowledged.Range(func(event, _ any) bool {
		require.Contains(t, seen, event)
		return true
	})
	t.Logf("%d acknowledged, %d stored", count.Load(), len(seen))
}

// While the server is unreachable, calls and readers wait; they continue when it returns.
func TestAway(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	server := startChild(t, dir, "")
	l := open(ctx, t, childConfig(server.address))
	r := l.Read(0, 1)
	defer r.Close()
	_, err := l.Append(ctx, 0, text(1))
	require.NoError(t, err)
	_, err = r.Next(ctx)
	require.NoError(t, err)
	server.kill()

	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = l.Append(soon, 1, text(2))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = r.Next(soon)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	appended, read := make(chan error, 1), make(chan uint64, 1)
	go func() {
		_, err := l.Append(ctx, 0, text(3))
		appended <- err
	}()
	go func() {
		m, err := r.Next(ctx)
		if err != nil {
			t.Error(err)
		}
		read <- m.Sequence
	}()
	startChild(t, dir, server.address)
	require.NoError(t, <-appended)
	require.EqualValues(t, 2, <-read)
	require.Equal(t, []string{string(text(1)), string(text(3))}, readAll(ctx, t, l, 0, 1))
}

// The acknowledgement is lost, the event is not: the repetition is recognised, also by a server
// that was killed meanwhile.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]bool{"connection lost": false, "server killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := bounded(t)
			dir := t.TempDir()
			server := startChild(t, dir, "")
			p := newProxy(t, server.address)
			l := open(ctx, t, childConfig(p.address()))
			direct := open(ctx, t, childConfig(server.address))
			p.mute()
			done := make(chan error, 1)
			go func() {
				at, err := l.Append(ctx, 0, text(1))
				if err == nil && at.Sequence != 1 {
					t.Errorf("sequence %d, want 1", at.Sequence)
				}
				done <- err
			}()
			require.Eventually(t, func() bool {
				stats, err := direct.Stats(ctx, 0)
				return err == nil && stats.Last == 1
			}, time.Minute, 5*time.Millisecond)
			if kill {
				server.kill()
				startChild(t, dir, server.address)
			}
			p.unmute()
			require.NoError(t, <-done)
			at, err := l.Append(ctx, 0, text(2))
			require.NoError(t, err)
			require.EqualValues(t, 2, at.Sequence)
			require.Equal(t, []string{string(text(1)), string(text(2))}, readAll(ctx, t, l, 0, 1))
		})
	}
}

// proxy is a connection to a server that can lose what the server answers.
type proxy struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	muted bool
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, to: to}
	t.Cleanup(func() {
		end(listener)
		p.unmute()
	})
	go p.serve()
	return p
}

// relay copies until one side ends, and then ends the other.
func relay(to io.Writer, from io.Reader, other io.Closer) {
	io.Copy(to, from) //nolint:errcheck // the end of a connection is an error, and what the tests want
	end(other)
}

// end closes a connection, which may be closed already.
func end(c io.Closer) { c.Close() } //nolint:errcheck // see above

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			end(client)
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go relay(server, client, server)
		go relay(answers{p, client}, server, client)
	}
}

// answers are the bytes from the server to a client.
type answers struct {
	proxy  *proxy
	client net.Conn
}

func (a answers) Write(b []byte) (int, error) {
	a.proxy.mu.Lock()
	muted := a.proxy.muted
	a.proxy.mu.Unlock()
	if muted {
		return len(b), nil
	}
	return a.client.Write(b)
}

func (p *proxy) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = true
}

// unmute ends all connections, because their streams have holes, and lets new ones pass.
func (p *proxy) unmute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = false
	for _, conn := range p.conns {
		end(conn)
	}
	p.conns = nil
}

// More than MaxPendingBytes is refused at once while the server is away.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	server := startChild(t, dir, "")
	cfg := childConfig(server.address)
	cfg.MaxPendingBytes = 1 << 20
	l := open(ctx, t, cfg)
	server.kill()
	waiting, cancel := context.WithCancel(ctx)
	ended := make(chan error, 8)
	for range cap(ended) {
		go func() {
			_, err := l.Append(waiting, 0, make([]byte, 200<<10))
			ended <- err
		}()
	}
	err := <-ended
	require.ErrorIs(t, err, eventlog.ErrOverloaded)
	require.LessOrEqual(t, l.PendingBytes(), int64(1<<20))
	require.NotErrorIs(t, err, nats.ErrTimeout)
	cancel()
	for range cap(ended) - 1 {
		require.Error(t, <-ended)
	}
}

// Events that wait behind a commit without an answer are withdrawn when their caller waits no longer: they are
// not stored, and take no memory.
func TestNotSent(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	server := startChild(t, dir, "")
	l := open(ctx, t, childConfig(server.address))
	server.kill()
	first := make(chan error, 1)
	go func() {
		_, err := l.Append(ctx, 0, text(0))
		first <- err
	}()
	no, err := 0, error(nil)
	require.Eventually(t, func() bool {
		soon, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		defer cancel()
		no++
		_, err = l.Append(soon, 0, text(no))
		return errors.Is(err, eventlog.ErrNotSent)
	}, time.Minute, time.Millisecond)
	var unavailable *eventlog.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Positive(t, unavailable.RetryAfter)
	startChild(t, dir, server.address)
	require.NoError(t, <-first)
	stored := readAll(ctx, t, l, 0, 1)
	require.Contains(t, stored, string(text(0)))
	require.NotContains(t, stored, string(text(no)))
	require.Eventually(t, func() bool { return l.PendingBytes() == 0 }, time.Minute, time.Millisecond)
}
