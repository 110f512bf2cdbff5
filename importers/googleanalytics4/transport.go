package googleanalytics4

import (
	"net/http"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
)

// googleHosts are the hosts of the default endpoints.
var googleHosts = []string{"analyticsdata.googleapis.com", "analyticsadmin.googleapis.com", "oauth2.googleapis.com"}

// transport sends requests to Google, through the proxy of the environment, and to endpoints named
// by connections, which the guard restricts.
type transport struct{ google, named http.RoundTripper }

// newTransport returns the importer's own transport. Its timeouts are shorter than RequestTimeout,
// which bounds the whole request. Every request carries a token.
func newTransport(guard outbound.Guard) http.RoundTripper {
	t := &transport{google: http.DefaultTransport, named: guard.Transport(outbound.Exposed)}
	if base, ok := http.DefaultTransport.(*http.Transport); ok {
		clone := base.Clone()
		clone.MaxIdleConnsPerHost = MaxConcurrentRequests
		clone.IdleConnTimeout = 30 * time.Second
		t.google = clone
	}
	return t
}

// RoundTrip sends a request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" && slices.Contains(googleHosts, r.URL.Host) {
		return t.google.RoundTrip(r)
	}
	return t.named.RoundTrip(r)
}
