package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

const (
	browser  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	visitor  = "192.0.2.17"
	siteName = ingesttest.SiteDomain
)

// telemetry keeps what is reported.
type telemetry struct {
	mu  sync.Mutex
	got []string
}

func (r *telemetry) Execute(name []string, m ingest.TelemetryMetadata) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, fmt.Sprintf("%s %s %d %s %d", strings.Join(name, "."), m.Domain, m.SiteID, m.Reason, m.TrackerScriptVersion))
}

// bundle is a pipeline with a site.
type bundle struct {
	config    ingest.Config
	site      *ingest.Site
	buffer    *ingesttest.Buffer
	telemetry *telemetry
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{site: &ingest.Site{ID: 7, Domain: siteName}, buffer: &ingesttest.Buffer{}, telemetry: &telemetry{}}
	b.config = ingesttest.Config(ingesttest.Sites{siteName: b.site, "former.example": b.site}, refdata.Builtin(), b.buffer)
	b.config.Telemetry = b.telemetry
	return b
}

func (b *bundle) run(t *testing.T, change func(r *request.Request)) ingest.Result {
	t.Helper()
	p, err := ingest.New(b.config)
	require.NoError(t, err)
	result, err := p.BuildAndBuffer(t.Context(), b.request(change))
	require.NoError(t, err)
	return result
}

func (b *bundle) request(change func(r *request.Request)) request.Request {
	r := request.Request{
		Domains: []string{siteName}, EventName: request.Pageview, Hostname: siteName, Pathname: "/", Interactive: true,
		ScrollDepth: request.NoScrollDepth, Timestamp: time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC), TrackerVersion: 9,
		RemoteIP: netip.MustParseAddr(visitor), UserAgent: browser,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := ingest.New(ingest.Config{Bots: "maybe", DataCentres: "no", AllowUserAgents: []string{""}})
	for _, fault := range []string{
		"sites: missing", "limiter: missing", "salts: missing", "buffer: missing", "partition key: missing",
		`bots is "maybe", want drop, tag or off`, `data centres is "no"`, "an empty text would allow all",
	} {
		require.ErrorContains(t, err, fault)
	}
	err = ingest.Site{
		RateLimit: &ingest.RateLimit{Events: -1}, RevenueGoals: map[string]string{"a": "eur"},
		Shields: ingest.Shields{
			IPs: make([]netip.Prefix, 31), Countries: []string{"Germany"}, Pages: []string{"blog"}, Hostnames: make([]string, 11),
		},
	}.Validate()
	for _, fault := range []string{
		"want a number and a domain", "no negative number", `currency is "eur"`, "31 IP rules, want at most 30", "11 hostname rules, want at most 10",
		"invalid network", `country rule is "Germany"`, `page rule is "blog"`, `hostname rule is ""`,
	} {
		require.ErrorContains(t, err, fault)
	}
}

func TestBuffersAndDropsEachDomain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	result := b.run(t, func(r *request.Request) { r.Domains = []string{"unknown.example", siteName, siteName} })
	require.Len(t, result.Buffered, 2)
	require.Len(t, result.Dropped, 1)
	require.Equal(t, ingest.DropNotFound, result.Dropped[0].DropReason)
	require.Nil(t, result.Dropped[0].ClickHouseEvent)
	require.Equal(t, result.Buffered, b.buffer.Events())
	require.Equal(t, []string{
		"plausible.ingest.event.buffered case.example 7  9", "plausible.ingest.event.buffered case.example 7  9",
		"plausible.ingest.event.dropped unknown.example 0 not_found 9",
	}, b.telemetry.got)
}

// Nothing that identifies a visitor leaves the pipeline, also not of dropped events.
func TestPrivate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.site.Shields.Pages = []string{"/secret"}
	b.config.Salts = ingesttest.Salts{Current: [16]byte([]byte("the salt of now.")), Previous: [16]byte([]byte("the salt before."))}
	for _, path := range []string{"/", "/secret"} {
		result := b.run(t, func(r *request.Request) { r.Pathname = path })
		require.Len(t, append(result.Buffered, result.Dropped...), 1)
		encoded, err := json.Marshal(result)
		require.NoError(t, err)
		for _, text := range []string{string(encoded), fmt.Sprintf("%+v", result), fmt.Sprintf("%#v", result)} {
			for _, secret := range []string{visitor, browser, "the salt", fmt.Sprintf("%d", []byte("the salt"))} {
				require.NotContains(t, text, secret)
			}
		}
	}
	salts := ingest.Salts{Current: [16]byte{42, 42}}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", salts, salts, salts, salts.LogValue()), "42")
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := func(change func(r *request.Request)) (user, previous, partition uint64) {
		e := b.run(t, change).Buffered[0]
		return e.ClickHouseEvent.UserID, e.PreviousUserID, e.Partition
	}
	user, previous, partition := id(nil)
	again, _, _ := id(func(r *request.Request) { r.Pathname, r.Hostname = "/other", "www2."+siteName })
	require.Equal(t, user, again, "the same visitor on another page and another subdomain")
	former, _, samePartition := id(func(r *request.Request) { r.Domains = []string{"former.example"} })
	require.Equal(t, []uint64{user, partition}, []uint64{former, samePartition}, "the same visitor by the former domain")
	for _, change := range []func(r *request.Request){
		func(r *request.Request) { r.UserAgent += "x" },
		func(r *request.Request) { r.RemoteIP = netip.MustParseAddr("192.0.2.18") },
	} {
		other, _, otherPartition := id(change)
		require.NotEqual(t, user, other)
		require.NotEqual(t, partition, otherPartition)
	}
	other, _, _ := id(func(r *request.Request) { r.Hostname = "another.example" })
	require.NotEqual(t, user, other)

	// At midnight the salts change, and the partition stays.
	b.config.Salts = ingesttest.Salts{Current: [16]byte{9}, Previous: [16]byte{1}}
	tomorrow, today, kept := id(nil)
	require.NotEqual(t, user, tomorrow)
	require.Equal(t, user, today, "the session of before midnight is found")
	require.NotEqual(t, previous, today)
	require.Equal(t, partition, kept)
	b.config.PartitionKey = [16]byte{4}
	_, _, rekeyed := id(nil)
	require.NotEqual(t, partition, rekeyed)
	b.config.Salts = ingesttest.Salts{Current: [16]byte{9}}
	_, none, _ := id(nil)
	require.Zero(t, none, "there was no salt before")
}

func TestBotsAndDataCentres(t *testing.T) {
	t.Parallel()
	data := ingesttest.Data(t, "..", map[string]string{refdata.FileNetworks: "192.0.2.0/24\n"})
	bot := func(r *request.Request) { r.UserAgent = "Examplebot/2.0" }
	proxied := func(r *request.Request) {
		r.IPType, r.RemoteIP = request.IPTypeDataCentre, netip.MustParseAddr("198.51.100.1")
	}
	own := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix(visitor + "/32"), netip.MustParsePrefix("198.51.100.1/32")}
	for name, tc := range map[string]struct {
		change  func(c *ingest.Config, s *ingest.Site)
		request func(r *request.Request)
		dropped ingest.DropReason
		tag     string
	}{
		"a list of data centres is off by default": {},
		"data centre of the list":                  {change: func(c *ingest.Config, _ *ingest.Site) { c.DataCentres = ingest.ModeDrop }, dropped: ingest.DropDataCentreIP},
		"data centre of the proxy":                 {request: proxied, dropped: ingest.DropDataCentreIP},
		"data centre tagged":                       {change: func(c *ingest.Config, _ *ingest.Site) { c.DataCentres = ingest.ModeTag }, tag: "dc_ip"},
		"data centre of the proxy tagged":          {change: func(c *ingest.Config, _ *ingest.Site) { c.DataCentres = ingest.ModeTag }, request: proxied, tag: "dc_ip"},
		"data centre of the proxy allowed":         {change: func(_ *ingest.Config, s *ingest.Site) { s.AllowIPs = own }, request: proxied},
		"data centre allowed": {change: func(c *ingest.Config, _ *ingest.Site) {
			c.DataCentres, c.AllowIPs = ingest.ModeDrop, own
		}},
		"data centre allowed by the site": {change: func(c *ingest.Config, s *ingest.Site) {
			c.DataCentres, s.AllowIPs = ingest.ModeDrop, own
		}},
		"bot":           {request: bot, dropped: ingest.DropBot},
		"bot tagged":    {change: func(c *ingest.Config, _ *ingest.Site) { c.Bots = ingest.ModeTag }, request: bot, tag: "bot"},
		"bot kept":      {change: func(c *ingest.Config, _ *ingest.Site) { c.Bots = ingest.ModeOff }, request: bot},
		"bot allowed":   {change: func(c *ingest.Config, _ *ingest.Site) { c.AllowUserAgents = []string{"Examplebot"} }, request: bot},
		"bot's network": {change: func(_ *ingest.Config, s *ingest.Site) { s.AllowIPs = own }, request: bot},
		"no agent":      {request: func(r *request.Request) { r.UserAgent = "" }},
		"both tagged": {change: func(c *ingest.Config, _ *ingest.Site) {
			c.Bots, c.DataCentres = ingest.ModeTag, ingest.ModeTag
		}, request: bot, tag: "dc_ip,bot"},
		"no address": {change: func(c *ingest.Config, _ *ingest.Site) { c.DataCentres = ingest.ModeDrop }, request: func(r *request.Request) {
			r.RemoteIP = netip.Addr{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.config.Data = func() *refdata.Data { return data }
			if tc.change != nil {
				tc.change(&b.config, b.site)
			}
			result := b.run(t, func(r *request.Request) {
				r.Props = []request.Prop{{Key: "a", Value: "b"}, {Key: ingest.TagProp, Value: "forged"}}
				if tc.request != nil {
					tc.request(r)
				}
			})
			if tc.dropped != "" {
				require.Len(t, result.Dropped, 1)
				require.Equal(t, tc.dropped, result.Dropped[0].DropReason)
				return
			}
			require.Len(t, result.Buffered, 1)
			row := result.Buffered[0].ClickHouseEvent
			keys, values := []string{"a"}, []string{"b"}
			if tc.tag != "" {
				keys, values = append(keys, ingest.TagProp), append(values, tc.tag)
			}
			require.Equal(t, keys, row.MetaKey)
			require.Equal(t, values, row.MetaValue)
		})
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Date(2026, 11, 29, 12, 0, 30, 0, time.UTC)
	b.config.Limiter = ingest.NewFixedWindows(func() time.Time { return now })
	b.site.RateLimit = &ingest.RateLimit{Events: 2}
	three := func(r *request.Request) { r.Domains = []string{siteName, "former.example", siteName} }
	result := b.run(t, three)
	require.Len(t, result.Buffered, 2, "a former domain counts against the same limit")
	require.Equal(t, ingest.DropThrottle, result.Dropped[0].DropReason)
	now = now.Add(29 * time.Second)
	require.Empty(t, b.run(t, three).Buffered)
	now = now.Add(time.Second)
	require.Len(t, b.run(t, three).Buffered, 2, "a new window")
}

func TestNoTrafficAccepted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	b.site.AcceptTrafficUntil = day
	b.config.Now = func() time.Time { return day.Add(23 * time.Hour) }
	require.Len(t, b.run(t, nil).Buffered, 1, "the last day")
	b.config.Now = func() time.Time { return day.Add(24 * time.Hour) }
	require.Equal(t, ingest.DropPaymentRequired, b.run(t, nil).Dropped[0].DropReason)
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	result := b.run(t, func(r *request.Request) { r.Hostname, r.Pathname, r.Timestamp = "", "", time.Time{} })
	require.Equal(t, ingest.DropInvalid, result.Dropped[0].DropReason)
	require.Equal(t, []ingest.ValidationError{{"hostname", "can't be blank"}, {"pathname", "can't be blank"}, {"timestamp", "can't be blank"}},
		result.Dropped[0].Errors)
	result = b.run(t, func(r *request.Request) { r.Timestamp = time.Date(2107, 1, 1, 0, 0, 0, 0, time.UTC) })
	require.Equal(t, []ingest.ValidationError{{"timestamp", "must be from 1970 to 2106"}}, result.Dropped[0].Errors)
}

// broken fails where the pipeline asks.
type broken struct{ err error }

func (b broken) Site(context.Context, string) (*ingest.Site, error) { return nil, b.err }
func (b broken) Salts(context.Context) (ingest.Salts, error)        { return ingest.Salts{}, b.err }

func (b broken) Allow(context.Context, string, int, time.Duration) (bool, error) { return false, b.err }

// A fault of the pipeline's own is an error, never a drop: the sender can try again.
func TestFaults(t *testing.T) {
	t.Parallel()
	fault := errors.New("not reachable")
	for name, change := range map[string]func(b *bundle){
		"gate_keeper: find the site":                func(b *bundle) { b.config.Sites = broken{fault} },
		"put_salts: read the salts":                 func(b *bundle) { b.config.Salts = broken{fault} },
		"gate_keeper: count against the rate limit": func(b *bundle) { b.config.Limiter, b.site.RateLimit = broken{fault}, &ingest.RateLimit{Events: 1} },
		"buffer 1 events":                           func(b *bundle) { b.buffer.Fail(fault) },
		"put_salts: today's salt is zero":           func(b *bundle) { b.config.Salts = ingesttest.Salts{} },
	} {
		b := setup(t)
		change(b)
		p, err := ingest.New(b.config)
		require.NoError(t, err)
		result, err := p.BuildAndBuffer(t.Context(), b.request(nil))
		require.ErrorContains(t, err, name)
		require.Zero(t, result)
		require.Empty(t, b.buffer.Events())
		require.Empty(t, b.telemetry.got, "what was not acknowledged is not counted")
	}
}

// An event without any reference data is complete.
func TestRowOfBuiltinData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.run(t, func(r *request.Request) {
		r.Referrer = "https://news.ycombinator.com/item?id=1"
		r.Query = request.Query{{Key: "utm_content", Value: "c"}, {Key: "utm_term", Value: "t"}}
	}).Buffered[0].ClickHouseEvent
	require.NotZero(t, row.UserID)
	row.UserID = 0
	require.Equal(t, &ingest.ClickHouseEvent{
		EventAttributes: ingest.EventAttributes{
			SiteID: 7, Timestamp: time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC), Day: 20_786, Name: "pageview", Hostname: siteName, Pathname: "/",
			ScrollDepth: 255, Interactive: true,
		},
		SessionAttributes: ingest.SessionAttributes{
			Referrer: "news.ycombinator.com/item", ReferrerSource: "Hacker News", UTMContent: "c", UTMTerm: "t", AcquisitionChannel: "Organic Social",
			ScreenSize: "Desktop", OperatingSystem: "Windows", OperatingSystemVersion: "10", Browser: "Chrome", BrowserVersion: "131.0",
		},
	}, row)
}

func TestDropReasons(t *testing.T) {
	t.Parallel()
	seen := map[ingest.DropReason]bool{}
	for _, reason := range ingest.DropReasons() {
		require.Regexp(t, `^[a-z_]+$`, reason)
		require.False(t, seen[reason])
		seen[reason] = true
	}
	require.Len(t, seen, 15)
}
