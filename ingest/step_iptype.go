package ingest

import (
	"context"
	"slices"

	"github.com/sluicehq/sluice/ingest/request"
)

// dropDataCentreIP drops or tags addresses of data centres: those that a trusted proxy
// names, and, if it is configured, those of the lists.
func (r run) dropDataCentreIP(_ context.Context, e *Event) error {
	config := &r.pipeline.config
	if r.allowed(e) {
		return nil
	}
	if e.Request.IPType == request.IPTypeDataCentre {
		e.tagOrDrop(config.DataCentres, DropDataCentreIP)
		return nil
	}
	if config.DataCentres == ModeOff {
		return nil
	}
	if found, asn := r.data.DataCentre(e.Request.RemoteIP); found && !slices.Contains(config.AllowASNs, asn) {
		e.tagOrDrop(config.DataCentres, DropDataCentreIP)
	}
	return nil
}

// dropThreatIP drops addresses that a trusted proxy calls a threat.
func (r run) dropThreatIP(_ context.Context, e *Event) error {
	if e.Request.IPType == request.IPTypeThreat {
		e.drop(DropThreatIP)
	}
	return nil
}

// allowed reports whether the operator or the site allows the address, although it belongs to a bot
// or a data centre.
func (r run) allowed(e *Event) bool {
	ip := e.Request.RemoteIP
	return contains(r.pipeline.config.AllowIPs, ip) || contains(e.Site.AllowIPs, ip)
}
