package googleanalytics4

import (
	"net/http"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
)

// googleHosts are those of endpoints where no connection names another.
var googleHosts = []string{"analyticsdata.googleapis.com", "analyticsadmin.googleapis.com", "oauth2.googleapis.com"}

// transport sends requests to Google, by a proxy if the environment names one, and to endpoints
// that connections name, which the guard has a say in.
type transport struct{ google, named http.RoundTripper }

// newTransport returns a transport of the importer's own. Its timeouts bound what the
// request's own one does not have to wait for. Tokens go with every request.
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
