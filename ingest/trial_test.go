package ingest_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
)

// noLimiter fails the test if anything counts.
type noLimiter struct{}

func (noLimiter) Allow(context.Context, string, int, time.Duration) (bool, error) {
	return false, errors.New("a trial has counted")
}

func (b *bundle) try(t *testing.T, change func(r *request.Request)) ([]ingest.Trial, error) {
	t.Helper()
	b.config.Limiter = noLimiter{}
	p, err := ingest.New(b.config)
	require.NoError(t, err)
	trials, err := p.Try(t.Context(), b.request(change))
	require.Empty(t, b.buffer.Events())
	require.Empty(t, b.telemetry.got)
	return trials, err
}

// set returns the columns that a step has set, as text.
func set(s ingest.TrialStep) map[string]string {
	all := map[string]string{}
	for _, column := range s.Set {
		all[column.Name] = column.Text()
	}
	return all
}

// A trial has a step for each of the pipeline's, with what it has changed, and counts nothing.
func TestTry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.site.RateLimit = &ingest.RateLimit{Events: 1}
	trials, err := b.try(t, func(r *request.Request) {
		r.Domains, r.Props = []string{siteName, "unknown.example"}, []request.Prop{{Key: "plan", Value: "team"}}
		r.Query = request.Query{{Key: "utm_source", Value: "newsletter"}}
	})
	require.NoError(t, err)
	require.Len(t, trials, 2)
	names := []string{}
	changes := map[string]map[string]string{}
	for _, s := range trials[0].Steps {
		names = append(names, s.Name)
		require.Empty(t, s.Dropped)
		if len(s.Set) > 0 {
			changes[s.Name] = set(s)
		}
	}
	require.Equal(t, []string{
		"drop_spam_referrer", "gate_keeper", "drop_verification_agent", "drop_datacenter_ip", "drop_threat_ip",
		"drop_shield_rule_hostname", "drop_shield_rule_page", "drop_shield_rule_ip", "put_geolocation",
		"drop_shield_rule_country", "put_user_agent", "put_basic_info", "put_source_info", "maybe_infer_medium",
		"put_channel", "put_props", "put_revenue", "put_salts", "put_user_id", "validate_clickhouse_event",
	}, names)
	require.Equal(t, map[string]map[string]string{
		"put_user_agent": {
			"browser": "Chrome", "browser_version": "131.0", "operating_system": "Windows", "operating_system_version": "10",
			"screen_size": "Desktop",
		},
		"put_basic_info": {
			"timestamp": "2026-11-29T01:02:03Z", "day": "2026-11-29", "name": "pageview", "site_id": "7", "hostname": siteName,
			"pathname": "/", "scroll_depth": "255",
		},
		"put_source_info": {"utm_source": "newsletter", "referrer_source": "newsletter"},
		"put_channel":     {"acquisition_channel": "Email"},
		"put_props":       {"meta": "plan=team"},
	}, changes)
	require.NotNil(t, trials[0].Event.ClickHouseEvent)
	require.False(t, trials[0].Event.Request.RemoteIP.IsValid())
	require.Len(t, trials[1].Steps, 2)
	require.Equal(t, ingest.TrialStep{Name: "gate_keeper", Dropped: ingest.DropNotFound}, trials[1].Steps[1])
	require.Equal(t, "unknown.example", trials[1].Event.Domain)
}

func TestTryDropsTagsAndRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.site.Shields.IPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	trials, err := b.try(t, nil)
	require.NoError(t, err)
	require.Len(t, trials[0].Steps, 8)
	require.Equal(t, ingest.TrialStep{Name: "drop_shield_rule_ip", Dropped: ingest.DropSiteIPBlocklist}, trials[0].Steps[7])
	require.True(t, trials[0].Event.Dropped)

	trials, err = b.try(t, func(r *request.Request) { r.Referrer = "https://semalt.com/" })
	require.NoError(t, err)
	require.Equal(t, []ingest.TrialStep{{Name: "drop_spam_referrer", Dropped: ingest.DropSpamReferrer}}, trials[0].Steps)

	b.site.Shields = ingest.Shields{}
	b.config.Bots = ingest.ModeTag
	trials, err = b.try(t, func(r *request.Request) { r.UserAgent = "Googlebot/2.1" })
	require.NoError(t, err)
	require.Equal(t, ingest.DropBot, trials[0].Steps[10].Tagged)
	require.Equal(t, map[string]string{"meta": "sluice_tag=bot"}, set(trials[0].Steps[15]))

	native := calendar.DayOf(time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC))
	b.site.NativeStart = &native
	_, err = b.try(t, nil)
	require.NoError(t, err, "the time is not the sender's")
	_, err = b.try(t, func(r *request.Request) { r.TimestampSet = true })
	require.Equal(t, request.Errors{"timestamp": {
		"must not be before the site's first native day, 2026-11-30: it is on 2026-11-29",
	}}, err)
}

// The first native day is a local one: the same instant is before it in one zone and on it in another.
func TestRefusesTimesBeforeNativeData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	native := calendar.DayOf(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	b.site.NativeStart = &native
	late := func(r *request.Request) {
		r.Timestamp, r.TimestampSet = time.Date(2026, 11, 28, 23, 0, 0, 0, time.UTC), true
	}
	result := b.run(t, late)
	require.Equal(t, ingest.Result{Refused: request.Errors{"timestamp": {
		"must not be before the site's first native day, 2026-11-29: it is on 2026-11-28",
	}}}, result)
	require.Empty(t, b.buffer.Events())
	require.Empty(t, b.telemetry.got)
	b.site.Location = time.FixedZone("east", 3600)
	require.Len(t, b.run(t, late).Buffered, 1)
	b.site.Location = nil
	require.Len(t, b.run(t, func(r *request.Request) { late(r); r.TimestampSet = false }).Buffered, 1)
	require.Equal(t, ingest.DropNotFound, b.run(t, func(r *request.Request) { late(r); r.SenderSite = 99 }).Dropped[0].DropReason)
}
