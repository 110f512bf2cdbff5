package enginetest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// StoreOutage is an outage of PostgreSQL. A request is a statement. During the outage statements fail
// as in a shutdown (57P01), and connections are refused as after one (57P03).
type StoreOutage struct {
	Outage
	// DSN connects through the outage.
	DSN string

	target string
}

// NewStoreOutage returns an outage of the PostgreSQL of a DSN without TLS. It has not begun.
func NewStoreOutage(tb testing.TB, dsn string) *StoreOutage {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	listener, err := (&net.ListenConfig{}).Listen(Context(tb), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	o := &StoreOutage{target: u.Host}
	o.End()
	u.Host = listener.Addr().String()
	o.DSN = u.String()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				running.Go(func() { o.serve(conn) })
			}
		}
	})
	// Clients close their connections first: their cleanups are registered later.
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		running.Wait()
	})
	return o
}

// Open returns a store that connects through the outage, until the end of the test.
func (o *StoreOutage) Open(tb testing.TB) *dispatchstore.Store {
	tb.Helper()
	s, err := dispatchstore.Open(Context(tb), store.Config{DSN: o.DSN}, nil)
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s
}

func (o *StoreOutage) serve(client net.Conn) {
	server, err := net.Dial("tcp", o.target) //nolint:noctx // a server of this machine
	if err == nil {
		var answers sync.WaitGroup
		answers.Go(func() {
			_, _ = io.Copy(client, server) //nolint:errcheck // it ends with the connection
			_ = client.Close()             //nolint:errcheck // it may be closed already
		})
		_ = o.forward(server, client) //nolint:errcheck // it ends with the connection, whatever the reason
		_ = server.Close()            //nolint:errcheck // it may be closed already
		answers.Wait()
	}
	_ = client.Close() //nolint:errcheck // it may be closed already
}

// forward passes messages of the client to the server, until a statement fails.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
func (o *StoreOutage) forward(server io.Writer, client net.Conn) error {
	from := bufio.NewReader(client)
	const startup = 3 << 16
	for version := uint32(0); version != startup; {
		head, message, err := readMessage(from, 0)
		if err != nil {
			return err
		}
		version = binary.BigEndian.Uint32(message)
		if version == startup && o.lasts() {
			return fail(client, "57P03", "the database system is shutting down")
		}
		if _, err := server.Write(append(head, message...)); err != nil {
			return err
		}
	}
	var pending []byte
	for {
		head, message, err := readMessage(from, 1)
		if err != nil {
			return err
		}
		statement := head[0] == 'Q' || head[0] == 'E'
		if statement && o.fails() || o.lasts() {
			return fail(client, "57P01", "terminating connection due to administrator command")
		}
		pending = append(append(pending, head...), message...)
		// A statement's messages reach the server together, so that it answers none of a statement that fails.
		switch head[0] {
		case 'P', 'B', 'D', 'C', 'E':
			continue
		}
		if _, err := server.Write(pending); err != nil {
			return err
		}
		pending = nil
	}
}

// readMessage reads a message and returns its head, the type and the length, and its rest.
func readMessage(from io.Reader, typeBytes int) (head, rest []byte, err error) {
	head = make([]byte, typeBytes+4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, nil, err
	}
	rest = make([]byte, binary.BigEndian.Uint32(head[typeBytes:])-4)
	_, err = io.ReadFull(from, rest)
	return head, rest, err
}

func fail(client io.Writer, code, message string) error {
	text, err := (&pgproto3.ErrorResponse{
		Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message,
	}).Encode(nil)
	if err == nil {
		_, err = client.Write(text)
	}
	return err
}
