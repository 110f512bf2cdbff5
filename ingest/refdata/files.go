package refdata

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/refdata/geo"
	"github.com/sluicehq/sluice/ingest/refdata/lists"
	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

// MaxList is the size of a list in bytes.
const MaxList = 64 << 20

// Names of files in the folder.
const (
	FileCity          = "city.mmdb"
	FileCountry       = "country.mmdb"
	FileASN           = "asn.mmdb"
	FileBots          = "isbot.mjs"
	FileSpam          = "referrer_spam.txt"
	FileSearchEngines = "SearchEngines.yml"
	FileSocials       = "Socials.yml"
	FileAIAssistants  = "AIAssistants.yml"
	FileNetworks      = "datacentre_networks.txt"
	FileNumbers       = "datacentre_asns.csv"
	FileRates         = "rates.json"
)

// Files that npm installs below the folder.
const (
	npmBots    = "node_modules/isbot/index.mjs"
	npmCountry = "node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"
)

// Cures of missing files.
const (
	cureNPM    = "run `make refdata`, and set refdata.folder to the folder refdata of the sources (sluice-dev does)"
	cureUpdate = "run `sluice refdata update`"
	cureOwn    = "put the file into the folder if you need it"
)

// kind is a part of the data and the files that it is loaded from: the first that exists.
type kind struct {
	name  string
	files []string
	cure  string
	// optional data is missing on most machines.
	optional bool
	// without says what happens while the data is missing.
	without string
	load    func(d *Data, file string) error
	// entries counts what is in use.
	entries func(d *Data) int
	// made returns when the data were made, as they tell it. nil if they do not.
	made func(d *Data) time.Time
}

var kinds = []kind{
	{
		name: "bots", files: []string{FileBots, npmBots}, cure: cureNPM, without: "few bots are recognised",
		load: func(d *Data, file string) error {
			return with(file, func(content []byte) error {
				patterns, err := bots.ParseIsbot(content)
				if err != nil {
					return err
				}
				matcher, skipped := bots.New(patterns)
				if len(skipped) > 0 {
					return fmt.Errorf("compile %d of %d patterns: %w", len(skipped), len(patterns), skipped[0])
				}
				d.Bots = matcher
				return nil
			})
		},
		entries: func(d *Data) int { return d.Bots.Len() },
	},
	{
		name: "locations", files: []string{FileCity, FileCountry, npmCountry}, cure: cureNPM,
		without: "events have no country",
		load: func(d *Data, file string) (err error) {
			d.Locations, err = geo.Open(file)
			return err
		},
		entries: func(d *Data) int { return d.Locations.Networks() },
		made:    func(d *Data) time.Time { return d.Locations.Made() },
	},
	{
		name: "referrer spam", files: []string{FileSpam}, cure: cureUpdate,
		without: "little referrer spam is recognised",
		load:    parsed(lists.ParseHosts, func(d *Data) *lists.Hosts { return &d.Spam }),
		entries: func(d *Data) int { return len(d.Spam) },
	},
	sourceKind("AI assistants", FileAIAssistants, func(content []byte) ([]sources.Source, error) {
		return lists.ParseSocials(content, sources.CategoryAI)
	}),
	sourceKind("social networks", FileSocials, func(content []byte) ([]sources.Source, error) {
		return lists.ParseSocials(content, sources.CategorySocial)
	}),
	sourceKind("search engines", FileSearchEngines, lists.ParseSearchEngines),
	{
		name: "networks of data centres", files: []string{FileNetworks}, cure: cureOwn, optional: true,
		without: "data centres are recognised by autonomous system only",
		load:    parsed(lists.ParseNetworks, func(d *Data) **lists.Networks { return &d.networks }),
		entries: func(d *Data) int { return d.networks.Len() },
	},
	{
		name: "autonomous systems of data centres", files: []string{FileNumbers}, cure: cureUpdate, optional: true,
		without: "data centres are recognised by network only",
		load:    parsed(lists.ParseNumbers, func(d *Data) *map[uint32]struct{} { return &d.numbers }),
		entries: func(d *Data) int { return len(d.numbers) },
	},
	{
		name: "autonomous systems", files: []string{FileASN}, cure: cureOwn, optional: true,
		without: "data centres are recognised by network only",
		load: func(d *Data, file string) (err error) {
			d.asn, err = openASN(file)
			return err
		},
		entries: func(d *Data) int { return geo.Count(d.asn) },
		made:    func(d *Data) time.Time { return d.asn.Metadata.BuildTime() },
	},
	{
		name: "rates", files: []string{FileRates}, cure: cureOwn, optional: true,
		without: "revenue in other currencies has no reporting amount",
		load:    parsed(lists.ParseRates, func(d *Data) *lists.Rates { return &d.Rates }),
		entries: func(d *Data) int { return len(d.Rates) },
	},
}

// extensions are the lists of sources in the order in which they are asked.
var extensions = []string{FileAIAssistants, FileSocials, FileSearchEngines}

func sourceKind(name, file string, parse func([]byte) ([]sources.Source, error)) kind {
	return kind{
		name: name, files: []string{file}, cure: cureUpdate, optional: true, without: "sources have the built-in names",
		load: func(d *Data, path string) error {
			return with(path, func(content []byte) error {
				list, err := parse(content)
				if err != nil {
					return err
				}
				extra := map[string][]sources.Source{file: list}
				for other, its := range d.extra {
					if other != file {
						extra[other] = its
					}
				}
				d.extra, d.Sources = extra, sources.Builtin()
				for _, each := range extensions {
					if len(extra[each]) > 0 {
						d.Sources = d.Sources.Extend(sources.New(extra[each]))
					}
				}
				return nil
			})
		},
		entries: func(d *Data) int { return len(d.extra[file]) },
	}
}

// parsed returns a load that parses the content of a file into a field.
func parsed[T any](parse func(content []byte) (T, error), field func(d *Data) *T) func(d *Data, file string) error {
	return func(d *Data, file string) error {
		return with(file, func(content []byte) (err error) {
			*field(d), err = parse(content)
			return err
		})
	}
}

// with calls read with the content of a file.
func with(file string, read func([]byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(f, MaxList+1))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	if len(content) > MaxList {
		return fmt.Errorf("%s has more than %d bytes", file, MaxList)
	}
	return read(content)
}
