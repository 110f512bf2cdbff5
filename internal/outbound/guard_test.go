package outbound_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

// elsewhere returns an address of this machine outside loopback.
func elsewhere(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range all {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	// Linux answers for all of 127.0.0.0/8 only: without a network there is no other one.
	return ""
}

func TestDialerRefusesAddresses(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	address, ok := s.Listener.Addr().(*net.TCPAddr)
	require.True(t, ok)
	port := address.Port
	for text, want := range map[string]bool{"public": false, "any": true, "loopback": true, "10.0.0.0/8": false} {
		g := outbound.NewGuard("webhook", rule(t, text), outbound.Rule{})
		// A name is resolved first.
		for _, host := range []string{"127.0.0.1", "localhost"} {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			conn, err := g.Dialer(outbound.Exposed).DialContext(t.Context(), "tcp", address)
			if want {
				require.NoError(t, err)
				require.NoError(t, conn.Close())
				continue
			}
			var refused *outbound.RefusedError
			require.ErrorAs(t, err, &refused, text)
			require.True(t, outbound.IsRefused(fmt.Errorf("call: %w", outbound.Unreachable(err, time.Second))))
			require.ErrorContains(t, err, "is not allowed for connections of kind webhook: "+
				"allow it with the setting connections.addresses, such as webhook=")
		}
	}
	_, err := outbound.Guard{}.Dialer(outbound.Protected).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	require.ErrorContains(t, err, "connections.addresses")
}

// The error has a value of the setting that would allow the address, and nothing else of the operator's rule.
func TestRefusalNamesItsCure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"public": "such as webhook=public+169.254.169.254", "any": "such as webhook=any+169.254.169.254",
		"10.1.2.0/24": "such as webhook=169.254.169.254",
	} {
		g := outbound.NewGuard("webhook", rule(t, text), outbound.Rule{})
		_, err := g.Dialer(outbound.Exposed).DialContext(t.Context(), "tcp", "169.254.169.254:80")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "10.1.2")
	}
	require.False(t, outbound.IsRefused(errors.New("connection refused")))
	require.False(t, outbound.IsRefused(nil))
}

// Sockets of this machine and datagrams are no addresses.
func TestDialerRefusesSockets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	g := outbound.NewGuard("postgres", rule(t, "any"), rule(t, "any"))
	_, err = g.Dialer(outbound.Protected).DialContext(t.Context(), "unix", path)
	require.ErrorContains(t, err, `connections of kind postgres use TCP, not the network "unix"`)
	_, err = g.Dialer(outbound.Protected).DialContext(t.Context(), "udp", "127.0.0.1:53")
	require.ErrorContains(t, err, "use TCP, not the network")
}

// A secret is sent in clear to this machine only, unless that is allowed.
func TestDialerProtectsSecrets(t *testing.T) {
	t.Parallel()
	host := elsewhere(t)
	if host == "" {
		host = "192.0.2.1"
	}
	address := net.JoinHostPort(host, "1")
	for text, refused := range map[string]bool{"loopback": true, host: false, "any": false} {
		g := outbound.NewGuard("smtp", rule(t, "any"), rule(t, text))
		_, err := g.Dialer(outbound.Exposed).DialContext(t.Context(), "tcp", address)
		require.Error(t, err)
		if refused {
			require.ErrorContains(t, err, "a secret would be sent in clear to "+host+": use TLS, or allow it with the setting "+
				"connections.cleartext")
		} else {
			require.NotContains(t, err.Error(), "in clear")
		}
		_, err = g.Dialer(outbound.Protected).DialContext(t.Context(), "tcp", address)
		require.NotContains(t, err.Error(), "in clear")
	}
}

// A proxy of the environment would dial in the guard's place.
func TestClientUsesNoProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the proxy was asked")
	}))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	g := outbound.NewGuard("webhook", rule(t, "public"), rule(t, "any"))
	for _, address := range []string{"http://10.255.255.1:1/", "https://10.255.255.1:1/"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		require.NoError(t, err)
		_, err = g.Client(outbound.Exposed).Do(request) //nolint:bodyclose // there is no answer
		require.ErrorContains(t, err, "the address 10.255.255.1 is not allowed")
	}
}

// Requests by http are as exposed as the caller says, those by https are not.
func TestClientSchemes(t *testing.T) {
	t.Parallel()
	host := elsewhere(t)
	if host == "" {
		host = "192.0.2.1"
	}
	g := outbound.NewGuard("webhook", rule(t, "any"), outbound.Rule{})
	try := func(e outbound.Exposure, address string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		require.NoError(t, err)
		client := g.Client(e)
		response, err := client.Do(request)
		if err == nil {
			_, err := io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			return ""
		}
		return err.Error()
	}
	ended := "in clear to " + host
	require.Contains(t, try(outbound.Exposed, "http://"+net.JoinHostPort(host, "1")), ended)
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	require.Empty(t, try(outbound.Exposed, s.URL))
	require.Empty(t, try(outbound.Protected, s.URL))
}

// A redirect is an answer like any other.
func TestClientFollowsNoRedirects(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/inside", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(s.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, http.NoBody)
	require.NoError(t, err)
	response, err := outbound.Loopback().Client(outbound.Exposed).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, response.StatusCode)
}
