package enginetest

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy forwards connections to an engine, and can interrupt them.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// NewProxy returns a proxy in front of the server of a DSN, and the DSN with the proxy's address.
// The proxy ends with the test.
func NewProxy(tb testing.TB, dsn string) (proxy *Proxy, through string) {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	listener, err := (&net.ListenConfig{}).Listen(Context(tb), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &Proxy{listener: listener, target: u.Host, conns: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		p.Cut()
		p.running.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

// Cut ends all connections and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for conn := range p.conns {
		// The connection's goroutine sees the end; an error means that it already has.
		_ = conn.Close() //nolint:errcheck // see above
	}
}

// Restore accepts connections again.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.running.Go(func() { p.serve(conn) })
		}
	}
}

// hold registers a connection; ok is false after Cut.
func (p *Proxy) hold(conn net.Conn) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.conns[conn] = struct{}{}
	}
	return !p.cut
}

func (p *Proxy) serve(conn net.Conn) {
	server, err := net.Dial("tcp", p.target) //nolint:noctx // a server of this machine, and Cut ends the connection
	if err != nil {
		_ = conn.Close() //nolint:errcheck // the other side sees the end in any case
		return
	}
	both := []net.Conn{conn, server}
	if p.hold(conn) && p.hold(server) {
		var copying sync.WaitGroup
		for i := range both {
			copying.Go(func() {
				// The end of either direction ends the other.
				_, _ = io.Copy(both[i], both[1-i]) //nolint:errcheck // it ends with an error whenever the line is cut
				_ = both[i].Close()                //nolint:errcheck // it may be closed already
				_ = both[1-i].Close()              //nolint:errcheck // it may be closed already
			})
		}
		copying.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range both {
		_ = c.Close() //nolint:errcheck // it may be closed already
		delete(p.conns, c)
	}
}
