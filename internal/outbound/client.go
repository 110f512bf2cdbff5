package outbound

import (
	"net/http"
	"time"
)

// MaxAnswer is how many bytes of an answer may be read.
const MaxAnswer = 64 << 10

// idlePerHost is how many connections to a host stay open while nothing is sent.
const idlePerHost = 64

// Client returns a client that dials what the guard allows. It uses no proxy, also none of the
// environment, because a proxy would dial what the guard does not see. It follows no
// redirects: what is signed for one address is not for another one. Requests need a context
// with an end. plain says what requests by http, without TLS, give away.
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
		// As many as are used at once by the loads of a destination: what cannot stay open
		// is dialled again for each request.
		MaxIdleConns: 4 * idlePerHost, MaxIdleConnsPerHost: idlePerHost,
	}
}

// transport dials https and http apart.
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
