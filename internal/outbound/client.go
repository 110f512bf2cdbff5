package outbound

import (
	"net/http"
	"time"
)

// MaxAnswer is how many bytes of an answer may be read.
const MaxAnswer = 64 << 10

// idlePerHost is how many connections to a host stay open while nothing is sent.
const idlePerHost = 64

// Client returns a client that goes where the guard lets it, and follows no redirects: what
// is signed for one address is not for another one. Requests need a context with an end.
func (g Guard) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: g.Dialer().DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: DialTimeout,
			MaxResponseHeaderBytes: MaxAnswer, IdleConnTimeout: 30 * time.Second,
			// As many as are used at once by the loads of a destination: what cannot stay open
			// is dialled again for each request.
			MaxIdleConns: 4 * idlePerHost, MaxIdleConnsPerHost: idlePerHost,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
