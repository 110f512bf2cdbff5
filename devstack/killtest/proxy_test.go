package killtest_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between a worker and an engine, so that the engine can be away for the
// worker alone, and as long as the test wants.
type proxy struct {
	address, target string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	// stalled is closed while bytes pass; while it is open they wait.
	passing chan struct{}
	done    sync.WaitGroup
}

// newProxy returns a proxy that does not listen yet.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	p := &proxy{
		address: listener.Addr().String(), target: target,
		conns: map[net.Conn]struct{}{}, passing: make(chan struct{}),
	}
	close(p.passing)
	t.Cleanup(func() {
		p.resume()
		p.cut(t)
		p.done.Wait()
	})
	return p
}

// open lets connections through.
func (p *proxy) open(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	listener, err := net.Listen("tcp", p.address)
	require.NoError(t, err)
	p.listener = listener
	p.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by cut
			}
			p.done.Go(func() { p.serve(conn) })
		}
	})
}

// cut refuses new connections and breaks those that there are.
func (p *proxy) cut(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return
	}
	require.NoError(t, p.listener.Close())
	p.listener = nil
	for conn := range p.conns {
		if err := conn.Close(); !errors.Is(err, net.ErrClosed) {
			require.NoError(t, err)
		}
	}
}

// stall keeps connections open and lets nothing through them, until resume.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passing = make(chan struct{})
}

// resume ends a stall.
func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
	default:
		close(p.passing)
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		p.forget(client)
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	cut := p.listener == nil
	p.mu.Unlock()
	if cut {
		p.forget(client, server)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(server, client) })
	both.Go(func() { p.pump(client, server) })
	both.Wait()
}

// pump copies until either side is gone, and takes the other with it.
func (p *proxy) pump(to, from net.Conn) {
	defer p.forget(to, from)
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		passing := p.passing
		p.mu.Unlock()
		<-passing
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // io.EOF or a broken connection: the same to a proxy
		}
	}
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		delete(p.conns, conn)
		_ = io.Closer(conn).Close() //nolint:errcheck // the other side may have been first
	}
}
