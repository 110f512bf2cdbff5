package ingesting_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
	british = "2.125.160.217"
)

// trialsOf returns trials of events of sites, with the reference data of a folder.
func trialsOf(t *testing.T, folder string, sites ...*ingest.Site) ingestclient.Trials {
	t.Helper()
	data, err := refdata.Open(refdata.Config{Folder: folder, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	byDomain := ingesttest.Sites{}
	for _, s := range sites {
		byDomain[s.Domain] = s
	}
	return ingestclient.Trials{
		Pipeline: ingesttest.Config(nil, nil, nil), Sites: byDomain, Data: data, Scope: access.AllSites(),
	}
}

// folder returns a folder with reference data.
func folder(t *testing.T) string {
	t.Helper()
	return ingesttest.Folder(t, filepath.Join("..", ".."), nil)
}

// pageview is a pageview of the tests' site.
func pageview() ingestclient.TrialEvent {
	return ingestclient.TrialEvent{Name: "pageview", URL: "https://" + site + "/pricing", Domains: site}
}

// input is the request of a browser that sends an event.
func input(e ingestclient.TrialEvent) request.Input {
	return request.Input{Body: e.Body(), UserAgent: firefox, RemoteIP: netip.MustParseAddr(british), Now: time.Now()}
}

// notes are the notes of an event's steps.
func notes(e ingestclient.TriedEvent) map[string]string {
	all := map[string]string{}
	for _, s := range e.Steps {
		all[s.Step] = s.Note
	}
	return all
}

// A stored event has its columns, what each step has set, and what the columns do not show.
func TestTryStoredEvent(t *testing.T) {
	t.Parallel()
	trials := trialsOf(t, folder(t), &ingest.Site{
		ID: 7, Domain: site, RateLimit: &ingest.RateLimit{Events: 600, Window: time.Minute},
		RevenueGoals: map[string]string{"Purchase": "EUR"},
	})
	event := pageview()
	event.Name, event.Referrer = "Purchase", "https://news.ycombinator.com/item"
	event.Props = []request.Prop{{Key: "plan", Value: `"team"`}}
	event.Revenue = &ingestclient.TrialRevenue{Amount: "10.50", Currency: "USD"}
	tried, err := trials.TryInput(t.Context(), input(event))
	require.NoError(t, err)
	require.Equal(t, []any{202, british, []string{}}, []any{tried.Status, tried.Address, tried.Missing})
	require.Len(t, tried.Events, 1)
	got := tried.Events[0]
	require.Equal(t, []string{site, site, ingestclient.VerdictStored}, []string{got.Domain, got.Site, got.Verdict})
	for column, want := range map[string]string{
		"pathname": `"/pricing"`, "browser": `"Firefox"`, "country_code": `"GB"`, "meta": `{"plan":"\"team\""}`,
		"revenue_reporting_currency": `"EUR"`,
	} {
		require.JSONEq(t, want, string(got.Event[column]), column)
	}
	require.Len(t, got.Columns, len(got.Event), "the columns in order are the columns by name")
	require.NotContains(t, got.Event, "user_id")
	says := notes(got)
	require.Equal(t, "site example.com (7), rate limit 600/60s not counted", says["gate_keeper"])
	require.Equal(t, []string{"off: ingest.data_centres", "not shown", "", ""},
		[]string{says["drop_datacenter_ip"], says["put_user_id"], says["put_geolocation"], says["put_revenue"]})
	for _, s := range got.Steps {
		if s.Step == "put_geolocation" {
			require.Equal(t, ingestclient.StepChanged, s.Result)
			require.JSONEq(t, `"GB"`, string(s.Set["country_code"]))
			require.Len(t, s.Changed, len(s.Set))
		}
	}

	// Nothing is known of the address, there is no goal, and no installation is being verified.
	trials.Pipeline.VerificationAgent = ""
	event.Name = "Signup"
	unknown := input(event)
	unknown.RemoteIP = netip.Addr{}
	tried, err = trials.TryInput(t.Context(), unknown)
	require.NoError(t, err)
	require.Empty(t, tried.Address)
	says = notes(tried.Events[0])
	require.Equal(t, "off: ingest.verification_agent is not set", says["drop_verification_agent"])
	require.Equal(t, "no location is known of the address", says["put_geolocation"])
	require.Equal(t, `the site has no goal "Signup" with a currency`, says["put_revenue"])
}

// A dropped event ends with the step that drops it, which says where the drop comes from.
func TestTryDroppedEvents(t *testing.T) {
	t.Parallel()
	data := folder(t)
	for name, tc := range map[string]struct {
		site   ingest.Site
		change func(in *request.Input, e *ingestclient.TrialEvent)
		reason ingest.DropReason
		note   string
	}{
		"unknown domain": {
			change: func(_ *request.Input, e *ingestclient.TrialEvent) { e.Domains = "none.example" },
			reason: ingest.DropNotFound, note: "no site has the domain: see `sluice site list`",
		},
		"blocked": {
			site: ingest.Site{RateLimit: &ingest.RateLimit{}}, reason: ingest.DropBlock,
			note: "the site is blocked: see `sluice site set example.com --unblock`",
		},
		"past its last day": {
			site: ingest.Site{AcceptTrafficUntil: time.Now().AddDate(0, 0, -2)}, reason: ingest.DropPaymentRequired,
			note: "the last day has passed: see `sluice site set example.com --accept-until`",
		},
		"address": {
			site:   ingest.Site{Shields: ingest.Shields{IPs: []netip.Prefix{netip.MustParsePrefix(british + "/32")}}},
			reason: ingest.DropSiteIPBlocklist, note: "a rule of the site: see `sluice site shield list example.com`",
		},
		"country": {
			site:   ingest.Site{Shields: ingest.Shields{Countries: []string{"GB"}}},
			reason: ingest.DropSiteCountryBlocklist, note: "a rule of the site: see `sluice site shield list example.com`",
		},
		"page": {
			site:   ingest.Site{Shields: ingest.Shields{Pages: []string{"/pricing"}}},
			reason: ingest.DropSitePageBlocklist, note: "a rule of the site: see `sluice site shield list example.com`",
		},
		"hostname": {
			site:   ingest.Site{Shields: ingest.Shields{Hostnames: []string{"shop.example.com"}}},
			reason: ingest.DropSiteHostnameAllowlist, note: "a rule of the site: see `sluice site shield list example.com`",
		},
		"bot": {
			change: func(in *request.Input, _ *ingestclient.TrialEvent) { in.UserAgent = "Googlebot/2.1" },
			reason: ingest.DropBot, note: "the user agent is a bot's: see ingest.bots and ingest.allow_user_agents",
		},
		"data centre": {
			change: func(in *request.Input, _ *ingestclient.TrialEvent) { in.IPType = request.IPTypeDataCentre },
			reason: ingest.DropDataCentreIP, note: "the address is a data centre's: see ingest.data_centres and ingest.allow_ips",
		},
		"threat": {
			change: func(in *request.Input, _ *ingestclient.TrialEvent) { in.IPType = request.IPTypeThreat },
			reason: ingest.DropThreatIP, note: "a trusted proxy calls the address a threat",
		},
		"referrer": {
			change: func(_ *request.Input, e *ingestclient.TrialEvent) { e.Referrer = "https://spam.example/" },
			reason: ingest.DropSpamReferrer, note: "the referrer is in the list of referrer spam",
		},
		"verification": {
			change: func(in *request.Input, _ *ingestclient.TrialEvent) { in.UserAgent = ingesttest.VerificationAgent },
			reason: ingest.DropVerificationAgent, note: "the user agent is that of ingest.verification_agent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.site.ID, tc.site.Domain = 7, site
			e := pageview()
			in := input(e)
			if tc.change != nil {
				tc.change(&in, &e)
				in.Body = e.Body()
			}
			tried, err := trialsOf(t, data, &tc.site).TryInput(t.Context(), in)
			require.NoError(t, err)
			require.Equal(t, 202, tried.Status, "the sender is not told")
			got := tried.Events[0]
			require.Equal(t, []any{ingestclient.VerdictDropped, tc.reason}, []any{got.Verdict, got.Reason})
			last := got.Steps[len(got.Steps)-1]
			require.Equal(t, []any{ingestclient.StepDropped, tc.reason, tc.note}, []any{last.Result, last.Reason, last.Note})
			require.Empty(t, got.Event)
		})
	}
}

// A bot is tagged where the configuration says so, and an event that lacks a column has its faults.
func TestTryTaggedAndInvalidEvents(t *testing.T) {
	t.Parallel()
	trials := trialsOf(t, "", &ingest.Site{ID: 7, Domain: site})
	require.NotEmpty(t, trials.Data.Status().Data)
	trials.Pipeline.Bots, trials.Pipeline.DataCentres = ingest.ModeTag, ingest.ModeTag
	in := input(pageview())
	in.UserAgent, in.IPType = "Googlebot/2.1", request.IPTypeDataCentre
	tried, err := trials.TryInput(t.Context(), in)
	require.NoError(t, err)
	require.NotEmpty(t, tried.Missing, "there is no folder")
	got := tried.Events[0]
	require.Equal(t, ingestclient.VerdictStored, got.Verdict)
	require.Equal(t, []ingest.DropReason{ingest.DropDataCentreIP, ingest.DropBot}, got.Tags)
	tagged := map[string]ingest.DropReason{}
	for _, s := range got.Steps {
		if s.Result == ingestclient.StepTagged {
			tagged[s.Step] = s.Reason
		}
	}
	require.Equal(t, map[string]ingest.DropReason{
		"drop_datacenter_ip": ingest.DropDataCentreIP, "put_user_agent": ingest.DropBot,
	}, tagged)

	parsed, err := request.Parse(input(pageview()))
	require.NoError(t, err)
	parsed.EventName = ""
	tried, err = trials.Try(t.Context(), parsed)
	require.NoError(t, err)
	got = tried.Events[0]
	require.Equal(t, ingest.DropInvalid, got.Reason)
	require.Equal(t, map[string]string{"name": "can't be blank"}, got.Faults)
	require.Empty(t, got.Steps[len(got.Steps)-1].Note)
}

// What the server would answer with 400 has the faults by field; sites outside the scope are none.
func TestTryRefusedRequests(t *testing.T) {
	t.Parallel()
	native := calendar.DayOf(time.Now().UTC()) - 1
	trials := trialsOf(t, "", &ingest.Site{ID: 7, Domain: site, NativeStart: &native})
	tried, err := trials.TryInput(t.Context(), request.Input{Body: []byte(`{"n":"a"}`)})
	require.NoError(t, err)
	require.Equal(t, ingestclient.RefusedRequest(request.Errors{"url": {"is required"}}), tried)

	e := pageview()
	e.Timestamp = (native - 2).String() + "T12:00:00Z"
	early := input(e)
	early.Authorised = true
	tried, err = trials.TryInput(t.Context(), early)
	require.NoError(t, err)
	require.Equal(t, 400, tried.Status)
	require.Contains(t, tried.Errors["timestamp"][0], "must not be before the site's first native day")

	trials.Scope = access.Sites("other.example")
	tried, err = trials.TryInput(t.Context(), input(pageview()))
	require.NoError(t, err)
	require.Equal(t, []any{ingest.DropNotFound, ""}, []any{tried.Events[0].Reason, tried.Events[0].Site})

	trials.Sites = brokenSites{}
	_, err = trials.TryInput(t.Context(), input(pageview()))
	require.EqualError(t, err, "try an event: build an event of example.com: gate_keeper: find the site: away")
	trials.Pipeline.Bots = "hunt"
	_, err = trials.TryInput(t.Context(), input(pageview()))
	require.ErrorContains(t, err, `bots is "hunt", want drop, tag or off`)
}

// brokenSites cannot be read.
type brokenSites struct{}

func (brokenSites) Site(context.Context, string) (*ingest.Site, error) {
	return nil, errors.New("away")
}

// An event is sent as a tracker sends it: empty fields are left out, and texts are quoted.
func TestTrialEventBody(t *testing.T) {
	t.Parallel()
	require.JSONEq(t, `{"n":"pageview","u":"https://example.com/pricing","d":"example.com"}`, string(pageview().Body()))
	full := ingestclient.TrialEvent{
		Name: `a "b"`, URL: "u", Referrer: "r", Domains: "d,e", Timestamp: "1", Props: []request.Prop{{Key: "z", Value: "1"}, {Key: "a", Value: "\n"}},
		Revenue: &ingestclient.TrialRevenue{Amount: "10.50", Currency: "EUR"},
	}
	body := `{"n":"a \"b\"","u":"u","d":"d,e","r":"r","timestamp":"1","p":"{\"z\":\"1\",\"a\":\"\\n\"}",` +
		`"$":"{\"amount\":\"10.50\",\"currency\":\"EUR\"}"}`
	require.Equal(t, []byte(body), full.Body(), "in this order")
}
