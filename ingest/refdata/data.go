// Package refdata holds the reference data of the ingestion: databases and lists that
// others publish, loaded from a folder at run time. What is missing is logged once with
// its cure, and the pipeline runs without it.
package refdata

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/refdata/geo"
	"github.com/sluicehq/sluice/ingest/refdata/lists"
	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

// Data is reference data at one moment. It is immutable and safe for concurrent use.
type Data struct {
	// Sources names traffic sources. Never nil.
	Sources *sources.Resolver
	// Bots recognises bots by user agent. Never nil.
	Bots *bots.Matcher
	// Spam are hosts of referrer spam. Never nil.
	Spam lists.Hosts
	// Locations finds countries and cities, or is nil.
	Locations *geo.Database
	// Rates convert revenue, or are nil.
	Rates lists.Rates

	networks *lists.Networks
	numbers  map[uint32]struct{}
	asn      *maxminddb.Reader
	// extra are the sources of each of the lists that extend the built-in one.
	extra map[string][]sources.Source
}

// spam are spammers for when the list is not there. They miss most.
var spam = lists.NewHosts(
	"1-best-seo.com", "4webmasters.org", "best-seo-offer.com", "best-seo-solution.com",
	"buttons-for-website.com", "buttons-for-your-website.com", "darodar.com", "event-tracking.com",
	"free-social-buttons.com", "get-free-traffic-now.com", "ilovevitaly.com", "makemoneyonline.com",
	"priceg.com", "semalt.com", "social-buttons.com", "traffic2money.com", "trafficmonetizer.org",
)

// Builtin returns the data that Sluice has by itself: sources, some bots and some spammers.
func Builtin() *Data {
	return &Data{Sources: sources.Builtin(), Bots: bots.Builtin(), Spam: spam}
}

// HasDataCentres reports whether there is a list of data centres.
func (d *Data) HasDataCentres() bool {
	return d.networks.Len() > 0 || d.asn != nil && len(d.numbers) > 0
}

// DataCentre reports whether an address belongs to a data centre, and the number of its
// autonomous system, or 0 if that is not known.
func (d *Data) DataCentre(ip netip.Addr) (found bool, asn uint32) {
	if !ip.IsValid() {
		return false, 0
	}
	ip = ip.Unmap()
	if d.asn != nil {
		var record struct {
			Number uint32 `maxminddb:"autonomous_system_number"`
		}
		// A damaged record is no evidence.
		if err := d.asn.Lookup(ip).Decode(&record); err == nil {
			asn = record.Number
		}
	}
	if _, ok := d.numbers[asn]; ok && asn != 0 {
		return true, asn
	}
	return d.networks.Has(ip), asn
}

// openASN reads a database of autonomous systems into memory.
func openASN(file string) (*maxminddb.Reader, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("open the database of autonomous systems: %w", err)
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("open the database of autonomous systems %s: %w", file, err)
	}
	for result := range reader.Networks() {
		var number uint32
		if err := result.DecodePath(&number, "autonomous_system_number"); err == nil && number != 0 {
			return reader, nil
		}
		break
	}
	return nil, fmt.Errorf("open the database of autonomous systems %s: no field autonomous_system_number", file)
}
