package ingest

import "context"

// putBasicInfo sets what the request says about the event itself.
func (run) putBasicInfo(_ context.Context, e *Event) error {
	r, a := &e.Request, &e.EventAttributes
	a.SiteID, a.Name, a.Timestamp = e.Site.ID, r.EventName, r.Timestamp
	a.Day = e.Site.Day(r.Timestamp)
	a.Hostname, a.Pathname = r.Hostname, r.Pathname
	a.ScrollDepth, a.EngagementTime, a.Interactive = r.ScrollDepth, r.EngagementTime, r.Interactive
	return nil
}
