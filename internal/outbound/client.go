package outbound

import (
	"net/http"
	"time"
)

// MaxAnswer is the number of bytes of a response that are read.
const MaxAnswer = 64 << 10

// idlePerHost is the maximum number of idle connections per host.
const idlePerHost = 64

// Client returns an HTTP client that dials only addresses allowed by the guard. It uses no proxy,
// because the guard cannot check the addresses that a proxy dials. It follows no redirects: a
// signature is for one address. Requests need a context with a deadline. plain classifies requests
// without TLS.
func (g Guard) Client(plain Exposure) *http.Client {
	return &http.Client{
		Transport:     g.Transport(plain),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Transport returns the transport of Client.
func (g Guard) Transport(plain Exposure) http.RoundTripper {
	return &transport{secured: g.transport(Protected), plain: g.transport(plain)}
}

func (g Guard) transport(e Exposure) *http.Transport {
	return &http.Transport{
		DialContext: g.Dialer(e).DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: DialTimeout,
		MaxResponseHeaderBytes: MaxAnswer, IdleConnTimeout: 30 * time.Second,
		// The number of concurrent requests of a destination: connections beyond it are dialled
		// again for each request.
		MaxIdleConns: 4 * idlePerHost, MaxIdleConnsPerHost: idlePerHost,
	}
}

// transport has separate transports for https and http.
type transport struct{ secured, plain *http.Transport }

// RoundTrip sends a request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return t.secured.RoundTrip(r)
	}
	return t.plain.RoundTrip(r)
}

// CloseIdleConnections closes the idle connections of both transports.
func (t *transport) CloseIdleConnections() {
	t.secured.CloseIdleConnections()
	t.plain.CloseIdleConnections()
}
