package ingest

import (
	"context"

	"github.com/sluicehq/sluice/ingest/refdata/geo"
	"github.com/sluicehq/sluice/ingest/request"
)

// putGeolocation sets country, regions and city of the address.
func (r run) putGeolocation(_ context.Context, e *Event) error {
	s := &e.SessionAttributes
	if e.Request.IPType == request.IPTypeAnonymousVPN {
		s.CountryCode = geo.AnonymousVPN
		return nil
	}
	if r.data.Locations == nil {
		return nil
	}
	location, err := r.data.Locations.Lookup(e.Request.RemoteIP)
	if err != nil {
		// A damaged record costs the location, not the event.
		return nil //nolint:nilerr // see above
	}
	s.CountryCode, s.CityGeonameID = location.Country, location.City
	s.Subdivision1Code, s.Subdivision2Code = location.Subdivision1, location.Subdivision2
	return nil
}
