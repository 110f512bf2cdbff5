package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
)

// line is the connection of one attempt, which can be cut at any moment.
type line struct {
	client *client
	mu     sync.Mutex
	conn   net.Conn
	ended  bool
	// failed says that something of the mail could not be written, over that the mail is
	// sent, or is not.
	failed, over bool
}

// watched notes that a write has failed: then the server has not got all of it.
type watched struct {
	net.Conn
	line *line
}

// Write writes.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if err != nil {
		w.line.mu.Lock()
		w.line.failed = w.line.failed || !w.line.over
		w.line.mu.Unlock()
	}
	return n, err
}

// said ends the mail: what cannot be written from now on is no part of it.
func (l *line) said() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// broken says whether something of the mail could not be written.
func (l *line) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// dial connects to the mail server, with TLS if that is there from the beginning.
func (l *line) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := l.client.dialer.DialContext(ctx, network, l.client.address())
	if err != nil {
		return nil, fmt.Errorf("reach the mail server: %w", err)
	}
	conn = &watched{Conn: conn, line: l}
	if !l.take(conn) {
		return nil, context.Canceled
	}
	if l.client.settings.TLS != ImplicitTLS {
		return conn, nil
	}
	secured := tls.Client(conn, l.client.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("secure the connection to the mail server: %w", err)
	}
	return secured, nil
}

// take keeps the connection, so that it can be cut, unless it is too late for that.
func (l *line) take(conn net.Conn) bool {
	l.mu.Lock()
	l.conn = conn
	ended := l.ended
	l.mu.Unlock()
	if ended {
		l.cut()
	}
	return !ended
}

// cut closes the connection. It may be called several times.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.conn != nil {
		// All that matters was said by then; that it is closed already is the rule.
		l.conn.Close() //nolint:errcheck // nothing hangs on it
		l.conn = nil
	}
}
