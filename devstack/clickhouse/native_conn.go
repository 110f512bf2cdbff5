package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

const (
	// handshakeTime is how long a client may take to say who it is.
	handshakeTime = 10 * time.Second

	// sendTime is how long a client may leave what we send unread, as with a
	// server's send_timeout.
	sendTime = 5 * time.Minute
)

// nativeConn is the connection of one client. Its queries run one after the
// other, each with a session of its own: SET, USE and temporary tables last
// for the statement alone.
type nativeConn struct {
	server *nativeServer
	engine *engine
	socket net.Conn
	in     *native.Reader
	out    *nativeAnswer

	database string
}

func newNativeConn(s *nativeServer, socket net.Conn) *nativeConn {
	return &nativeConn{
		server: s, engine: s.engine, socket: socket,
		in: native.NewReader(socket), out: newNativeAnswer(patientWriter{socket}),
	}
}

// patientWriter bounds each write.
type patientWriter struct{ net.Conn }

// Write fails if the client reads nothing for sendTime.
func (w patientWriter) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// run serves the client until it disconnects. If refusal is set, the client receives it instead of
// the handshake.
func (c *nativeConn) run(running context.Context, refusal error) error {
	err := c.handshake(refusal)
	for err == nil {
		err = c.packet(running)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if _, broken := errors.AsType[*brokenError](err); broken {
		return err // in the middle of our own packet
	}
	if errors.Is(err, native.ErrMalformed) || errors.Is(err, native.ErrUnsupportedType) {
		// What follows cannot be understood, but the client can be notified.
		err = errors.Join(err, c.out.exception(nativeException(err)))
	}
	return err
}

// handshake greets the client: hello, hello back, and a quota key.
func (c *nativeConn) handshake(refusal error) error {
	if err := c.socket.SetReadDeadline(time.Now().Add(handshakeTime)); err != nil {
		return fmt.Errorf("limit handshake: %w", err)
	}
	code, err := c.in.Next()
	if err != nil {
		return err
	}
	if code != native.CodeHello {
		return fmt.Errorf("%w: packet %d before the handshake", native.ErrMalformed, code)
	}
	hello, err := c.in.ReadHello()
	if err != nil {
		return err
	}
	if refusal == nil && hello.Revision < native.MinRevision {
		refusal = newException(codeNotImplemented,
			"Protocol revision %d is too old: want at least %d", hello.Revision, native.MinRevision)
	}
	if refusal == nil {
		refusal = c.engine.checkDatabase(hello.Database)
	}
	if refusal != nil {
		return errors.Join(io.EOF, c.out.exception(asException(refusal)))
	}
	c.database = hello.Database
	c.out.revision = int(min(hello.Revision, native.Revision))
	if err := c.out.hello(c.engine); err != nil {
		return err
	}
	if _, err := c.in.Text(); err != nil {
		return fmt.Errorf("read quota key: %w", err)
	}
	return c.socket.SetReadDeadline(time.Time{})
}

// packet waits for a packet outside of a query and does what it asks for. An
// error ends the connection.
func (c *nativeConn) packet(running context.Context) error {
	if !c.server.setIdle(c, true) {
		return io.EOF
	}
	code, err := c.in.Next()
	if !c.server.setIdle(c, false) {
		return io.EOF
	}
	if err != nil {
		return err
	}
	switch code {
	case native.CodePing:
		return c.out.packet(func(b *proto.Buffer) { proto.ServerCodePong.Encode(b) })
	case native.CodeQuery:
		return c.query(running)
	case native.CodeCancel:
		return nil // it came after the query's end
	default:
		return fmt.Errorf("%w: packet %d outside of a query", native.ErrMalformed, code)
	}
}

// watch calls cancel when the client cancels its query or leaves. The caller
// calls stop before it reads from the client again.
func (c *nativeConn) watch(cancel context.CancelFunc) (stop func() error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, err := c.in.Await()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			// The query has ended first.
		case err != nil, code == native.CodeCancel:
			cancel()
		}
	}()
	return func() error {
		err := c.socket.SetReadDeadline(time.Unix(1, 0))
		<-ended
		return errors.Join(err, c.socket.SetReadDeadline(time.Time{}))
	}
}
