package ingest

import (
	"context"
	"strings"

	"github.com/sluicehq/sluice/ingest/channel"
	"github.com/sluicehq/sluice/ingest/request"
)

// clickIDs are parameters that ads add to addresses, in their priority.
var clickIDs = []string{"gclid", "gbraid", "wbraid", "msclkid", "fbclid", "twclid"}

// putSourceInfo sets the referrer, the source and the tags of the address.
func (r run) putSourceInfo(_ context.Context, e *Event) error {
	query, s := e.Request.Query, &e.SessionAttributes
	s.UTMMedium, s.UTMCampaign = query.Get("utm_medium"), query.Get("utm_campaign")
	s.UTMContent, s.UTMTerm = query.Get("utm_content"), query.Get("utm_term")
	s.ClickIDParam, _ = query.First(clickIDs...)
	_, s.UTMSource = query.First("utm_source", "source", "ref")

	origin, external := externalReferrer(e.Request)
	if external {
		s.Referrer = referrer(origin)
	}
	switch {
	case s.UTMSource != "":
		s.ReferrerSource = s.UTMSource
		if known, ok := r.data.Sources.Lookup(s.UTMSource); ok {
			s.ReferrerSource = known.Name
		}
	case external:
		s.ReferrerSource = r.source(origin)
	}
	return nil
}

// externalReferrer returns the referrer unless it is another page of the same host, a
// developer's machine, or no page at all.
func externalReferrer(req request.Request) (request.Origin, bool) {
	if req.Referrer == "" {
		return request.Origin{}, false
	}
	origin, ok := request.ParseReferrer(req.Referrer)
	if !ok || origin.Host == "localhost" || request.TrimWWW(origin.Host) == req.Hostname {
		return request.Origin{}, false
	}
	switch origin.Scheme {
	case "http", "https", schemeApp:
		return origin, true
	default:
		return request.Origin{}, false
	}
}

// schemeApp is the scheme of referrers that are Android apps.
const schemeApp = "android-app"

// referrer returns the referrer as stored: without scheme, query and final slash.
func referrer(origin request.Origin) string {
	text := request.TrimWWW(origin.Host) + strings.TrimRight(origin.Path, "/")
	if origin.Scheme == schemeApp {
		return schemeApp + "://" + text
	}
	return text
}

func (r run) source(origin request.Origin) string {
	if known, ok := r.data.Sources.Lookup(origin.Host); ok {
		return known.Name
	}
	host := request.TrimWWW(origin.Host)
	if origin.Scheme == schemeApp {
		return schemeApp + "://" + host
	}
	return host
}

// inferMedium sets the medium of clicks on ads that have no medium.
func (run) inferMedium(_ context.Context, e *Event) error {
	s := &e.SessionAttributes
	switch {
	case s.UTMMedium != "":
	case s.ReferrerSource == "Google" && s.ClickIDParam == "gclid":
		s.UTMMedium = "(gclid)"
	case s.ReferrerSource == "Bing" && s.ClickIDParam == "msclkid":
		s.UTMMedium = "(msclkid)"
	}
	return nil
}

// putChannel sets the acquisition channel.
func (r run) putChannel(_ context.Context, e *Event) error {
	s := &e.SessionAttributes
	s.AcquisitionChannel = channel.Of(channel.Visit{
		Source: s.ReferrerSource, UTMSource: s.UTMSource, Medium: s.UTMMedium,
		Campaign: s.UTMCampaign, ClickID: s.ClickIDParam,
	}, r.data.Sources)
	return nil
}
