package ingest_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

func TestParseRateLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ingest.RateLimit{
		"600/60s": {Events: 600, Window: time.Minute}, "1/1s": {Events: 1, Window: time.Second},
		"1000000000/24h": {Events: 1_000_000_000, Window: 24 * time.Hour}, "5/1h30m": {Events: 5, Window: 90 * time.Minute},
	} {
		got, err := ingest.ParseRateLimit(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for text, reason := range map[string]string{
		"600": "it has no /", "": "it has no /", "/60s": "the number of events", "0/60s": "the number of events",
		"-1/60s": "the number of events", "+1/60s": "the number of events", "1e3/60s": "the number of events",
		"1000000001/1s": "the number of events", "1/60": "the duration", "1/": "the duration", "1/500ms": "the duration",
		"1/1500ms": "the duration", "1/25h": "the duration", "1/-1s": "the duration", "1/1s/1s": "the duration",
	} {
		_, err := ingest.ParseRateLimit(text)
		require.ErrorContains(t, err, reason, text)
		require.ErrorContains(t, err, "(want EVENTS/DURATION, such as 600/60s)")
	}
}

func FuzzParseRateLimit(f *testing.F) {
	for _, text := range []string{"600/60s", "1/24h", "0/1s", "1/0s", "1/1h1m1s", "9/9/9"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := ingest.ParseRateLimit(text)
		if err != nil {
			require.Less(t, len(err.Error()), 500)
			return
		}
		require.NoError(t, ingest.Site{ID: 1, Domain: "a.b", RateLimit: &limit}.Validate())
		require.True(t, limit.Events >= 1 && limit.Events <= math.MaxInt32)
		again, err := ingest.ParseRateLimit(limit.String())
		require.NoError(t, err)
		require.Equal(t, limit, again)
	})
}

func TestParseGoal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"Signup": {"Signup", ""}, "Purchase:EUR": {"Purchase", "EUR"}, "Outbound Link: Click": {"Outbound Link: Click", ""},
		"a:b:USD": {"a:b", "USD"}, "a:eur": {"a:eur", ""}, "a:ZZZ": {"a:ZZZ", ""},
		strings.Repeat("ü", 120): {strings.Repeat("ü", 120), ""},
	} {
		name, code, err := ingest.ParseGoal(text)
		require.NoError(t, err, text)
		require.Equal(t, want, [2]string{name, code})
	}
	for _, text := range []string{"", " ", ":EUR", "a\x00", "\xff", strings.Repeat("ü", 121)} {
		_, _, err := ingest.ParseGoal(text)
		require.ErrorContains(t, err, "goal ", text)
	}
	goals := map[string]string{}
	for i := range ingest.MaxGoals + 1 {
		goals[strings.Repeat("g", i+1)] = "EUR"
	}
	require.EqualError(t, ingest.CheckGoals(goals), "101 goals: want at most 100")
	require.ErrorContains(t, ingest.CheckGoals(map[string]string{"a": "euro"}), `currency is "euro"`)
}

func FuzzParseGoal(f *testing.F) {
	for _, text := range []string{"Signup", "Purchase:EUR", "a:b:USD", ":EUR", "a:"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, code, err := ingest.ParseGoal(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, utf8.RuneCountInString(name), request.MaxName)
		require.NoError(t, ingest.CheckGoals(map[string]string{name: code}))
		if code != "" {
			require.Equal(t, text, name+":"+code)
			goals := map[string]string{name: code}
			require.NoError(t, ingest.Site{ID: 1, Domain: "a.b", RevenueGoals: goals}.Validate())
		} else {
			require.Equal(t, text, name)
		}
	})
}

func TestParseProps(t *testing.T) {
	t.Parallel()
	props, err := ingest.ParseProps("plan, author,plan")
	require.NoError(t, err)
	require.Equal(t, []string{"plan", "author"}, props)
	for _, text := range []string{"", ",", "a,,b", "a,\x00", "\xff", strings.Repeat("x", 301)} {
		_, err := ingest.ParseProps(text)
		require.Error(t, err, text)
	}
}

func FuzzParseProps(f *testing.F) {
	f.Add("plan, author")
	f.Add("a,,b")
	f.Fuzz(func(t *testing.T, text string) {
		props, err := ingest.ParseProps(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, props)
		again, err := ingest.ParseProps(strings.Join(props, ","))
		require.NoError(t, err)
		require.Equal(t, props, again)
	})
}

func TestParseShields(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "10.0.0.0/8": "10.0.0.0/8", "2001:db8::1": "2001:db8::1/128",
		"::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8::/32": "2001:db8::/32", "0.0.0.0/0": "0.0.0.0/0",
	} {
		got, err := ingest.ParseNetwork(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String())
	}
	for text, reason := range map[string]string{
		"10.0.0.1/8": "it has bits beyond the network; 10.0.0.0/8 has none", "10.0.0.0/33": "not a network", "": "not an IP address",
		"fe80::1%eth0": "not an IP address", "::ffff:10.0.0.0/104": "an IPv4 network is written without ::ffff:", "host": "not an IP address",
	} {
		_, err := ingest.ParseNetwork(text)
		require.ErrorContains(t, err, reason, text)
	}
	code, err := ingest.ParseCountry("de")
	require.NoError(t, err)
	require.Equal(t, "DE", code)
	for _, text := range []string{"", "D", "DEU", "Ü", "D1", "ß"} {
		_, err := ingest.ParseCountry(text)
		require.ErrorContains(t, err, "want an ISO 3166-1 code such as DE, or ZZ", text)
	}
	for _, text := range []string{"/", "/a/**", "/ä*", "/" + strings.Repeat("x", 249)} {
		page, err := ingest.ParsePage(text)
		require.NoError(t, err)
		require.Equal(t, text, page)
	}
	for _, text := range []string{"", "a", "*", "/\x00", "/\xff", "/" + strings.Repeat("x", 250)} {
		_, err := ingest.ParsePage(text)
		require.Error(t, err, text)
	}
	for text, want := range map[string]string{"Example.com": "example.com", "www.example.com": "example.com", "*.a.b": "*.a.b"} {
		host, err := ingest.ParseHostname(text)
		require.NoError(t, err)
		require.Equal(t, want, host)
	}
	for _, text := range []string{"", "www.", "https://a.b", "a.b/c", "a b", "\xff"} {
		_, err := ingest.ParseHostname(text)
		require.Error(t, err, text)
	}
}

// What the parsers return is what a site may have.
func FuzzParseShields(f *testing.F) {
	for _, text := range []string{"192.0.2.1", "10.0.0.0/8", "::1", "de", "ZZ", "/a/**", "*.example.com", "www.x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s ingest.Shields
		if network, err := ingest.ParseNetwork(text); err == nil {
			s.IPs = []netip.Prefix{network}
			again, err := ingest.ParseNetwork(network.String())
			require.NoError(t, err)
			require.Equal(t, network, again)
			require.Equal(t, network, network.Masked())
		}
		if code, err := ingest.ParseCountry(text); err == nil {
			s.Countries = []string{code}
		}
		if page, err := ingest.ParsePage(text); err == nil {
			s.Pages = []string{page}
		}
		if host, err := ingest.ParseHostname(text); err == nil {
			s.Hostnames = []string{host}
			again, err := ingest.ParseHostname(host)
			if err == nil && !strings.HasPrefix(host, "www.") {
				require.Equal(t, host, again)
			}
		}
		require.NoError(t, s.Validate())
	})
}

// Of the properties, a site stores those that it allows, and those of trackers.
func TestAllowedProps(t *testing.T) {
	t.Parallel()
	store := func(allowed ...string) []string {
		t.Helper()
		buffer := &ingesttest.Buffer{}
		sites := ingesttest.Sites{"a.example": {ID: 1, Domain: "a.example", Props: allowed}}
		pipeline, err := ingest.New(ingesttest.Config(sites, refdata.Builtin(), buffer))
		require.NoError(t, err)
		r, err := request.Parse(request.Input{
			Body:      []byte(`{"n":"404","u":"https://a.example/x","p":{"plan":"pro","user":"ann","url":"https://b.example"}}`),
			UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", Now: time.Now(),
		})
		require.NoError(t, err)
		_, err = pipeline.BuildAndBuffer(t.Context(), r)
		require.NoError(t, err)
		require.Len(t, buffer.Events(), 1)
		return buffer.Events()[0].ClickHouseEvent.MetaKey
	}
	require.Equal(t, []string{"path", "plan", "user", "url"}, store())
	require.Equal(t, []string{"path", "plan", "url"}, store("plan"))
	require.Equal(t, []string{"path", "url"}, store("other"))
}
