package destinationtest

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// CutAnswer runs a proxy in front of a server that cuts the connection when the server's
// answer has the marker in it for the first time: the answer is kept from the client. It
// returns the proxy's address.
func CutAnswer(tb testing.TB, server string, marker []byte) *net.TCPAddr {
	tb.Helper()
	var once sync.Once
	return listen(tb, func(client net.Conn) {
		upstream, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", server)
		if err != nil {
			tb.Errorf("the proxy cannot reach the server: %s", err)
			return
		}
		var both sync.WaitGroup
		both.Go(func() {
			pass(upstream, client)
			hangUp(upstream)
		})
		buffer := make([]byte, 1<<16)
		for {
			n, err := upstream.Read(buffer)
			cut := false
			if bytes.Contains(buffer[:n], marker) {
				once.Do(func() { cut = true })
			}
			if err == nil && !cut {
				_, err = client.Write(buffer[:n])
			}
			if err != nil || cut {
				break
			}
		}
		hangUp(client)
		hangUp(upstream)
		both.Wait()
	})
}

// Silent runs a server that takes connections and says nothing.
func Silent(tb testing.TB) *net.TCPAddr {
	tb.Helper()
	return listen(tb, func(client net.Conn) {
		pass(io.Discard, client)
		hangUp(client)
	})
}

// Impostor runs a server that speaks another protocol, and answers everything with success.
func Impostor(tb testing.TB) *net.TCPAddr {
	tb.Helper()
	return listen(tb, func(client net.Conn) {
		if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOk.\r\n"); err == nil {
			pass(io.Discard, client)
		}
		hangUp(client)
	})
}

// BadCertificate runs a server with an untrusted certificate. before, if not nil, runs first, for
// protocols that begin in clear.
func BadCertificate(tb testing.TB, before func(client net.Conn) error) *net.TCPAddr {
	tb.Helper()
	// Where else is there one?
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	certificates := server.TLS.Certificates
	server.Close()
	return listen(tb, func(client net.Conn) {
		if before != nil {
			if err := before(client); err != nil {
				hangUp(client)
				return
			}
		}
		secured := tls.Server(client, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
		pass(io.Discard, secured)
		hangUp(client)
	})
}

// listen runs a server until the end of the test.
func listen(tb testing.TB, serve func(client net.Conn)) *net.TCPAddr {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var mu sync.Mutex
	var clients []net.Conn
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			clients = append(clients, client)
			mu.Unlock()
			all.Go(func() { serve(client) })
		}
	})
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		mu.Lock()
		for _, client := range clients {
			hangUp(client)
		}
		mu.Unlock()
		all.Wait()
	})
	address, ok := listener.Addr().(*net.TCPAddr)
	require.True(tb, ok)
	return address
}

// pass copies until one side ends, in whatever way.
func pass(to io.Writer, from io.Reader) {
	if _, err := io.Copy(to, from); err != nil {
		return
	}
}

// hangUp closes a connection, unless it is already closed.
func hangUp(conn net.Conn) {
	if err := conn.Close(); err != nil {
		return
	}
}
