package config

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Ingest configures the pipeline of events in `sluice server`, and their writers in `sluice
// worker`.
type Ingest struct {
	// Bots is what happens to events of bots: "drop", "tag" or "off". Defaults to drop.
	Bots string `yaml:"bots"`
	// DataCentres is the same for addresses in the lists of data centres. Defaults to off,
	// because the lists hold VPNs of people.
	DataCentres string `yaml:"data_centres"`
	// AllowIPs lists networks that are neither bots nor data centres, separated by commas.
	// Defaults to none.
	AllowIPs string `yaml:"allow_ips"`
	// AllowASNs lists numbers of autonomous systems that are no data centres. Defaults to none.
	AllowASNs string `yaml:"allow_asns"`
	// AllowUserAgents lists texts of user agents that are no bots. Defaults to none.
	AllowUserAgents string `yaml:"allow_user_agents"`
	// VerificationAgent is the user agent of a program that verifies installations; its events
	// are dropped. Defaults to none.
	VerificationAgent string `yaml:"verification_agent"`
	// FlushInterval is how long an event waits in a writer for others before they are written.
	// Defaults to 5s.
	FlushInterval time.Duration `yaml:"flush_interval"`
	// SessionMiB bounds the memory of open sessions of a partition; beyond it the oldest end
	// early. Defaults to 64.
	SessionMiB int64 `yaml:"session_mib"`
	// SkipGaps makes writers continue behind messages that the event log has lost. By default
	// the partition stops, because the log may still be restored.
	SkipGaps bool `yaml:"skip_gaps"`
}

func defaultIngest() Ingest {
	return Ingest{Bots: "drop", DataCentres: "off", FlushInterval: 5 * time.Second, SessionMiB: 64}
}

// AllowedIPs returns the networks of AllowIPs. The settings are valid.
func (i Ingest) AllowedIPs() []netip.Prefix { return networks(i.AllowIPs) }

// AllowedASNs returns the numbers of AllowASNs. The settings are valid.
func (i Ingest) AllowedASNs() []uint32 {
	var all []uint32
	for _, item := range listed(i.AllowASNs) {
		if n, err := strconv.ParseUint(item, 10, 32); err == nil {
			all = append(all, uint32(n))
		}
	}
	return all
}

// AllowedUserAgents returns the texts of AllowUserAgents.
func (i Ingest) AllowedUserAgents() []string { return listed(i.AllowUserAgents) }

func (i Ingest) validate(check func(ok bool, format string, args ...any)) {
	modes := []string{"drop", "tag", "off"}
	check(slices.Contains(modes, i.Bots), "ingest.bots is %q: want drop, tag or off", i.Bots)
	check(slices.Contains(modes, i.DataCentres), "ingest.data_centres is %q: want drop, tag or off", i.DataCentres)
	checkNetworks(check, "ingest.allow_ips", i.AllowIPs)
	for n, item := range listed(i.AllowASNs) {
		_, err := strconv.ParseUint(item, 10, 32)
		check(err == nil, "ingest.allow_asns: number %d is invalid: want something like 13335, 15169", n+1)
	}
	check(i.FlushInterval >= 10*time.Millisecond && i.FlushInterval <= time.Minute,
		"ingest.flush_interval is %s: want 10ms to 1m", i.FlushInterval)
	check(i.SessionMiB >= 1 && i.SessionMiB <= 1<<20, "ingest.session_mib is %d: want 1 to 1048576", i.SessionMiB)
}
