// Package geo finds the country, the regions and the city of an address in a database in
// MaxMind's format. It reads the nested schema of GeoLite2 and DB-IP and flat schemas with
// the field country_code.
package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// MaxSize is the size of a database in bytes. The largest city databases have 150 MB.
const MaxSize = 1 << 30

// AnonymousVPN is the country code that stands for visitors behind an anonymous VPN.
// Upstream's.
const AnonymousVPN = "A1"

// Location is where an address is. Its zero value says that it is not known.
type Location struct {
	// Country is an ISO 3166-1 alpha-2 code.
	Country string
	// Subdivision1 and Subdivision2 are ISO 3166-2 codes, "GB-ENG".
	Subdivision1, Subdivision2 string
	// City is a GeoNames ID, or 0.
	City uint32
}

// Database is an open database. It is safe for concurrent use.
type Database struct {
	reader *maxminddb.Reader
	lookup func(maxminddb.Result) (Location, error)
	// Kind is the database's own name of its type, "GeoLite2-City".
	Kind string
}

// nested is a record of GeoIP2's schema.
type nested struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Subdivisions []struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"subdivisions"`
	City struct {
		GeoNameID uint32 `maxminddb:"geoname_id"`
	} `maxminddb:"city"`
}

// flat is a record of the databases of ip-location-db.
type flat struct {
	CountryCode string `maxminddb:"country_code"`
}

var errSchema = errors.New("no record has a country (want the field country.iso_code or country_code)")

// probes is the number of networks that are read to find the schema.
const probes = 10_000

// Open reads a database into memory, so that replacing the file does not disturb readers.
func Open(file string) (*Database, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("open the database of locations: %w", err)
	}
	if info.Size() > MaxSize {
		return nil, fmt.Errorf("open the database of locations %s: it has %d bytes, want at most %d",
			file, info.Size(), MaxSize)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("open the database of locations: %w", err)
	}
	d, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("open the database of locations %s: %w", file, err)
	}
	return d, nil
}

// Parse returns the database that the content of a file holds.
func Parse(content []byte) (*Database, error) {
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, err
	}
	d := &Database{reader: reader, Kind: reader.Metadata.DatabaseType}
	left := probes
	for result := range reader.Networks() {
		if err := result.Err(); err != nil {
			return nil, err
		}
		for _, lookup := range []func(maxminddb.Result) (Location, error){lookupNested, lookupFlat} {
			if location, err := lookup(result); err == nil && location.Country != "" {
				d.lookup = lookup
				return d, nil
			}
		}
		left--
		if left == 0 {
			break
		}
	}
	return nil, errSchema
}

func lookupNested(result maxminddb.Result) (Location, error) {
	var record nested
	if err := result.Decode(&record); err != nil {
		return Location{}, err
	}
	l := Location{Country: country(record.Country.ISOCode), City: record.City.GeoNameID}
	if l.Country == "" {
		return Location{}, nil
	}
	for i, target := range []*string{&l.Subdivision1, &l.Subdivision2} {
		if i < len(record.Subdivisions) && record.Subdivisions[i].ISOCode != "" {
			*target = l.Country + "-" + record.Subdivisions[i].ISOCode
		}
	}
	return l, nil
}

func lookupFlat(result maxminddb.Result) (Location, error) {
	var record flat
	if err := result.Decode(&record); err != nil {
		return Location{}, err
	}
	return Location{Country: country(record.CountryCode)}, nil
}

// country returns a country's code, or "" for one that stands for no country.
func country(code string) string {
	if len(code) != 2 || code == "ZZ" || code == "XX" || code == "T1" {
		return ""
	}
	return code
}

// Networks returns the number of networks with a record, 0 for a nil database. It reads the whole tree.
func (d *Database) Networks() int {
	if d == nil {
		return 0
	}
	return Count(d.reader)
}

// Made returns when the database was made.
func (d *Database) Made() time.Time { return d.reader.Metadata.BuildTime() }

// Count returns the number of networks with a record in a database, 0 for a nil one. It reads the whole tree.
func Count(reader *maxminddb.Reader) int {
	if reader == nil {
		return 0
	}
	count := 0
	for result := range reader.Networks() {
		if result.Err() != nil {
			// A damaged tree has no further networks.
			break
		}
		count++
	}
	return count
}

// Lookup returns the location of an address, or the zero Location if it is not known. An
// error says that the database is damaged.
func (d *Database) Lookup(ip netip.Addr) (Location, error) {
	if !ip.IsValid() {
		return Location{}, nil
	}
	result := d.reader.Lookup(ip.Unmap())
	if err := result.Err(); err != nil {
		return Location{}, fmt.Errorf("look up a location: %w", err)
	}
	if !result.Found() {
		return Location{}, nil
	}
	location, err := d.lookup(result)
	if err != nil {
		return Location{}, fmt.Errorf("look up a location: %w", err)
	}
	return location, nil
}
