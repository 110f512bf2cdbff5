package email

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"github.com/sluicehq/sluice/config"
)

// line is the connection of one attempt, which can be cut at any moment.
type line struct {
	sender *Sender
	mu     sync.Mutex
	conn   net.Conn
	ended  bool
}

// dial connects to the mail server, with TLS if that is there from the beginning.
func (l *line) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := l.sender.dialer.DialContext(ctx, network, l.sender.address())
	if err != nil {
		return nil, fmt.Errorf("reach the mail server: %w", err)
	}
	if !l.take(conn) {
		return nil, context.Canceled
	}
	if l.sender.settings.SMTPTLS != config.SMTPTLS {
		return conn, nil
	}
	secured := tls.Client(conn, l.sender.tls)
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
