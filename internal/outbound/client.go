package outbound

import (
	"net/http"
	"time"
)

// MaxAnswer is how many bytes of an answer may be read.
const MaxAnswer = 64 << 10

// Client returns a client that goes where the guard lets it, and follows no redirects: what
// is signed for one address is not for another one. Requests need a context with an end.
func (g Guard) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: g.Dialer().DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: DialTimeout,
			MaxResponseHeaderBytes: MaxAnswer, IdleConnTimeout: 30 * time.Second, MaxIdleConns: 16, MaxIdleConnsPerHost: 8,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
