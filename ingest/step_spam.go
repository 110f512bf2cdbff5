package ingest

import "github.com/sluicehq/sluice/ingest/request"

// spamReferrer reports whether the referrer is a spammer's, which drops the events of all
// domains.
func (r run) spamReferrer(req request.Request) bool {
	if req.Referrer == "" {
		return false
	}
	origin, ok := request.ParseReferrer(req.Referrer)
	return ok && r.data.Spam.Has(origin.Host)
}
