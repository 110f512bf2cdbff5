package logbuffer

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

const (
	// maxUnknown bounds the domains without a site, which are texts of senders, in a minute. Others are
	// counted without their domain.
	maxUnknown = 1000
	// maxDomain bounds such a domain, in bytes.
	maxDomain = 253
)

// count counts dropped events by site, reason and minute. The writers bring the counts from the log into the
// table ingest_counters.
func (b *Buffer) count(dropped []ingest.Event) []record.Counter {
	if len(dropped) == 0 {
		return nil
	}
	minute := b.now().Truncate(time.Minute).Unix()
	var sums record.Tally
	for i := range dropped {
		e := &dropped[i]
		c := record.Counter{
			Bucket: minute, Domain: e.Domain, Metric: "dropped_" + string(e.DropReason), Value: 1,
			TrackerVersion: e.Request.TrackerVersion,
		}
		if e.Site != nil {
			c.SiteID = e.Site.ID
		} else if !b.unknown.known(minute, e.Domain) {
			c.Domain = ""
		}
		sums.Add(c)
	}
	return sums.Counters()
}

// unknownDomains are the domains without a site that are counted by themselves, for a minute. It is safe for
// concurrent use.
type unknownDomains struct {
	mu      sync.Mutex
	minute  int64
	domains map[string]bool
}

// known reports whether a domain is counted by itself in a minute.
func (u *unknownDomains) known(minute int64, domain string) bool {
	if len(domain) > maxDomain {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if minute > u.minute || u.domains == nil {
		u.minute, u.domains = minute, map[string]bool{}
	}
	if !u.domains[domain] && len(u.domains) < maxUnknown {
		u.domains[domain] = true
	}
	return u.domains[domain]
}
