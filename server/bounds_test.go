package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server"
)

// raw sends text over a connection of its own and returns the answer; nil if the server closes it without one.
func (r *running) raw(t *testing.T, text string) *answered {
	t.Helper()
	conn := r.dial(t)
	// The server may have answered and closed before it has read everything.
	if _, err := io.WriteString(conn, text); err != nil {
		t.Logf("write: %v", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Logf("read the rest of the answer: %v", err)
	}
	require.NoError(t, response.Body.Close())
	return &answered{response.StatusCode, response.Header}
}

func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Server.Listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) //nolint:errcheck // the server has closed most of them
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return conn
}

const head = "POST /api/event HTTP/1.1\r\nHost: sluice\r\nUser-Agent: Mozilla/5.0\r\n"

// Requests that are too large, too deep or too slow are bounded and answered, and leave the server ready.
func TestBounds(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.Server.HeaderTimeout, c.Server.ReadTimeout = time.Second, time.Second
	c.Server.IdleTimeout = time.Second
	r := start(t, c, true)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"a body of 1 GB": {
			head + "Content-Length: 1073741824\r\n\r\n" + strings.Repeat("x", request.MaxBody+4096),
			http.StatusRequestEntityTooLarge,
		},
		"a body in chunks without an end": {
			head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 20),
			http.StatusRequestEntityTooLarge,
		},
		"deep JSON":       {withBody(strings.Repeat("[", 100_000)), http.StatusBadRequest},
		"deep properties": {withBody(`{"n":"a","u":"https://a/","p":` + strings.Repeat(`{"a":`, 1000) + "1"), http.StatusBadRequest},
		"no JSON":         {withBody("\x00\xff"), http.StatusBadRequest},
		"many headers": {
			head + strings.Repeat("X-A: b\r\n", server.MaxHeaders) + "Content-Length: 0\r\n\r\n",
			http.StatusRequestHeaderFieldsTooLarge,
		},
		"a long header": {
			head + "X-A: " + strings.Repeat("b", 2*server.MaxHeaderBytes) + "\r\n\r\n",
			http.StatusRequestHeaderFieldsTooLarge,
		},
		"a header flood without an end": {
			head + strings.Repeat("X-A: "+strings.Repeat("b", 100)+"\r\n", 10_000), http.StatusRequestHeaderFieldsTooLarge,
		},
		"another path":     {"POST /api/nothing HTTP/1.1\r\nHost: sluice\r\nContent-Length: 1\r\n\r\nx", http.StatusNotFound},
		"another method":   {"DELETE /api/event HTTP/1.1\r\nHost: sluice\r\n\r\n", http.StatusMethodNotAllowed},
		"a batch":          {"POST /api/events HTTP/1.1\r\nHost: sluice\r\nContent-Length: 1\r\n\r\nx", http.StatusUnauthorized},
		"a body that ends": {head + "Content-Length: 10\r\n\r\n{", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			response := r.raw(t, test.text)
			require.NotNil(t, response)
			require.Equal(t, test.want, response.StatusCode)
			require.Less(t, time.Since(begun), 20*time.Second)
		})
	}
	t.Run("a slow header", func(t *testing.T) {
		t.Parallel()
		conn := r.dial(t)
		begun := time.Now()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Logf("read until the end: %v", err)
			}
		}()
		// A byte now and then does not prolong it.
		for sent := 0; ; sent++ {
			select {
			case <-closed:
				require.Less(t, time.Since(begun), 20*time.Second)
				return
			case <-time.After(100 * time.Millisecond):
				// The server may be closing.
				_, err := io.WriteString(conn, head[sent%len(head):sent%len(head)+1])
				if err != nil {
					<-closed
					return
				}
			}
		}
	})
	t.Run("an idle connection", func(t *testing.T) {
		t.Parallel()
		conn := r.dial(t)
		_, err := io.WriteString(conn, "GET /nothing HTTP/1.1\r\nHost: sluice\r\n\r\n")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err, "the server closes it")
	})
}

func withBody(body string) string {
	return head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// The bodies of all requests together are bounded, and so are connections.
func TestBoundsOfAllRequests(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.Server.MaxPendingMiB, c.Server.MaxConnections, c.Server.ReadTimeout = 32, 40, 20*time.Second
	r := start(t, c, true)
	// 36 senders hold the most that a body may have, and do not end it.
	const size = request.MaxBody - 1000
	var conns []net.Conn
	for range 36 {
		conn := r.dial(t)
		conns = append(conns, conn)
		_, err := io.WriteString(conn, head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size+1)+strings.Repeat("x", size))
		require.NoError(t, err)
	}
	deadline := time.Now().Add(5 * time.Second)
	answers := make(chan *answered, len(conns))
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(deadline))
		go func() {
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				answers <- nil
				return
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			answers <- &answered{response.StatusCode, response.Header}
		}()
	}
	busy := 0
	for range conns {
		response := <-answers
		if response == nil {
			continue
		}
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.NotEmpty(t, response.Header.Get("Retry-After"))
		busy++
	}
	require.Positive(t, busy, "33.5 MiB hold fewer than 36 of them")
	require.Less(t, busy, 20)
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	polltest.Eventually(t, func() bool {
		_, text := r.get(t, "/metrics")
		return strings.Contains(text, "sluice_http_pending_bytes 0\n")
	}, 30*time.Second, 20*time.Millisecond)

	// Connections above the bound wait, and are served when others end.
	idle := make([]net.Conn, 0, c.Server.MaxConnections)
	for range c.Server.MaxConnections {
		idle = append(idle, r.dial(t))
	}
	waiting := r.dial(t)
	_, err := io.WriteString(waiting, "GET /nothing HTTP/1.1\r\nHost: sluice\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
	one := make([]byte, 1)
	_, err = waiting.Read(one)
	require.ErrorContains(t, err, "i/o timeout")
	for _, conn := range idle {
		require.NoError(t, conn.Close())
	}
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err = waiting.Read(one)
	require.NoError(t, err)
}
