package clickhouse

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// peak returns the most memory that the child has used so far, in bytes.
func (p *process) peak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	require.True(t, ok)
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

// stream sends a body and returns how long the answer was.
func (p *process) stream(t *testing.T, query string, body io.Reader) int64 {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.address+"/?query="+url.QueryEscape(query), body)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "identity") // would be gzip, whose speed is not the point
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return n
}

// zeros is an endless body: lines that hold a zero.
type zeros struct{}

var zeroLines = []byte(strings.Repeat("0\n", 1<<16))

// Read fills p with whole lines.
func (zeros) Read(p []byte) (int, error) { return copy(p[:len(p)&^1], zeroLines), nil }

// TestMemory sees that results and data are not collected: ten times as many
// rows may take a little more memory, but far less than their size.
func TestMemory(t *testing.T) {
	t.Parallel()
	const rows, allowed = 1_000_000, 96 << 20
	p := start(t, t.TempDir())
	p.ask(t, "CREATE TABLE nothing (a UInt64) ENGINE = Null")

	run := func(rows int64) {
		for _, format := range []string{"Native", "JSONEachRow", "CSVWithNames"} {
			n := p.stream(t, fmt.Sprintf("SELECT number, number AS n FROM numbers(%d) FORMAT %s", rows, format), nil)
			require.Greater(t, n, 12*rows, format)
		}
		p.stream(t, "INSERT INTO nothing FORMAT TSV", io.LimitReader(zeros{}, 20*rows))
	}
	run(rows)
	before := p.peak(t)
	run(10 * rows)
	require.Less(t, p.peak(t)-before, int64(allowed))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait())
}
