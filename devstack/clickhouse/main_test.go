package clickhouse

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/engines"
)

// address is that of the engine all tests share: a process can run one.
var address string

// nativeAddress is that of its native interface.
var nativeAddress string

// libchdb is the library that the tests run.
var libchdb string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run starts the engine, runs the tests against it and stops it. Processes
// that a test has started do as the environment tells them instead.
func run(m *testing.M) (code int, err error) {
	if libchdb, err = engines.LibCHDB(""); err != nil {
		return 0, err
	}
	if dir := os.Getenv(childDataDir); dir != "" {
		return 0, child(dir)
	}
	dir, err := os.MkdirTemp("", "clickhouse")
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Config{
			Address: "127.0.0.1:0", NativeAddress: "127.0.0.1:0", DataDir: dir, LibraryPath: libchdb,
			NativeReady: func(addr string) { nativeAddress = addr },
			Ready:       func(addr string) { ready <- addr },
		})
	}()
	select {
	case address = <-ready:
		code = m.Run()
		cancel()
		err = <-ended
	case err = <-ended:
		cancel()
	}
	if removeErr := os.RemoveAll(dir); err == nil {
		err = removeErr
	}
	return code, err
}

var databases atomic.Int64

// bundle is what a test needs: a client with a database of its own.
type bundle struct {
	ctx      context.Context
	conn     driver.Conn
	database string
}

// setup returns a client with the given changes to its options.
func setup(t *testing.T, changes ...func(*ch.Options)) *bundle {
	t.Helper()
	b := &bundle{ctx: t.Context(), database: fmt.Sprintf("test_%d", databases.Add(1))}
	status, _, text := post(t, "/?query=CREATE+DATABASE+"+b.database, "", nil)
	require.Equal(t, http.StatusOK, status, text)
	options := &ch.Options{
		Addr: []string{address}, Protocol: ch.HTTP,
		Auth: ch.Auth{Database: b.database, Username: "default"},
	}
	for _, change := range changes {
		change(options)
	}
	conn, err := ch.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	b.conn = conn
	return b
}

// overNative makes setup use the native interface.
func overNative(o *ch.Options) { o.Addr, o.Protocol = []string{nativeAddress}, ch.Native }

// exec runs statements that must succeed.
func (b *bundle) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		require.NoError(t, b.conn.Exec(b.ctx, sql), sql)
	}
}

// count returns the result of a query for one number.
func (b *bundle) count(t *testing.T, sql string) uint64 {
	t.Helper()
	var n uint64
	require.NoError(t, b.conn.QueryRow(b.ctx, sql).Scan(&n), sql)
	return n
}

// parts returns how many active parts a table has.
func (b *bundle) parts(t *testing.T, table string) uint64 {
	t.Helper()
	return b.count(t, "SELECT count() FROM system.parts WHERE active AND database = '"+b.database+"' AND table = '"+table+"'")
}

// running returns how many INSERTs into a table are running.
func (b *bundle) running(t *testing.T, table string) uint64 {
	t.Helper()
	return b.count(t, "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND query LIKE 'INSERT INTO "+table+" %'")
}

// base is the address of the interface as a URL.
func base() string { return "http://" + address }

// path makes the path of a request to b's database.
func (b *bundle) path(query string) string { return "/?database=" + b.database + "&" + query }

// post sends a body and returns the answer.
func post(t *testing.T, path, body string, header http.Header) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base()+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, values := range header {
		r.Header[name] = values
	}
	return do(t, r)
}

// How long tests wait for what happens in the background, and how often they
// look.
const (
	waitFor = time.Minute
	tick    = 10 * time.Millisecond
)
