package delivery_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// add adds an event.
func (s *stored) add(t *testing.T, n deliverystore.NewEvent) deliverystore.AddedEvent {
	t.Helper()
	added, err := s.Deliveries.AddEvent(s.ctx, n)
	require.NoError(t, err)
	return added
}

func namesOf(events []deliveryclient.Event) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, e.Name)
	}
	return all
}

// A list has the events that its filter selects, newest first, page by page, and counting selects the same.
func TestEventFilters(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	events := s.events()
	sent := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	paid := s.add(t, deliverystore.NewEvent{
		Source: "shop", Name: "paid", Version: "v1", IdempotencyKey: "7", SentAt: sent,
		Jobs:      []deliverystore.NewJob{{Destination: "log", Action: "write"}, {Destination: "crm", Action: "upsert"}},
		SubEvents: []deliverystore.NewEvent{{Source: "shop", Name: "item"}},
	})
	read := s.add(t, deliverystore.NewEvent{Source: "blog", Name: "read", Version: "v2"})
	s.add(t, deliverystore.NewEvent{Source: "sluice", Name: "notification.started"})
	s.exec(t, "UPDATE events SET received_at = now() - interval '2 days' WHERE id = $1", read.Event.ID)
	yesterday := time.Now().Add(-24 * time.Hour)
	for name, test := range map[string]struct {
		filter deliverystore.EventFilter
		want   []string
	}{
		"all":      {deliverystore.EventFilter{}, []string{"notification.started", "read", "item", "paid"}},
		"IDs":      {deliverystore.EventFilter{IDs: []string{read.Event.ID, "none"}}, []string{"read"}},
		"parts":    {deliverystore.EventFilter{ParentID: paid.Event.ID}, []string{"item"}},
		"source":   {deliverystore.EventFilter{Sources: []string{"shop", "blog"}}, []string{"read", "item", "paid"}},
		"without":  {deliverystore.EventFilter{NotSources: []string{"shop"}}, []string{"notification.started", "read"}},
		"name":     {deliverystore.EventFilter{Names: []string{"paid"}}, []string{"paid"}},
		"not name": {deliverystore.EventFilter{NotNames: []string{"paid", "item"}}, []string{"notification.started", "read"}},
		"version":  {deliverystore.EventFilter{Versions: []string{"v1", "v2"}}, []string{"read", "paid"}},
		"since":    {deliverystore.EventFilter{ReceivedAfter: yesterday}, []string{"notification.started", "item", "paid"}},
		"until":    {deliverystore.EventFilter{ReceivedBefore: yesterday}, []string{"read"}},
		"jobs": {
			deliverystore.EventFilter{Jobs: &deliverystore.JobFilter{Destinations: []string{"crm"}}}, []string{"paid"},
		},
		"no notifications": {
			deliveryclient.WithoutNotifications(deliverystore.EventFilter{NotSources: []string{"blog"}}),
			[]string{"item", "paid"},
		},
		"notifications": {
			deliveryclient.WithoutNotifications(deliverystore.EventFilter{Sources: []string{"sluice"}}),
			[]string{"notification.started"},
		},
		"none": {deliverystore.EventFilter{Names: []string{"none"}}, []string{}},
	} {
		list, err := events.List(s.ctx, test.filter, deliverystore.Page{})
		require.NoError(t, err, name)
		require.Equal(t, test.want, namesOf(list), name)
		n, err := events.Count(s.ctx, test.filter)
		require.NoError(t, err, name)
		require.EqualValues(t, len(test.want), n, name)
	}

	first, err := events.List(s.ctx, deliverystore.EventFilter{}, deliverystore.Page{Limit: 3})
	require.NoError(t, err)
	require.Len(t, first, 3)
	rest, err := events.List(s.ctx, deliverystore.EventFilter{}, deliverystore.Page{Limit: 3, Before: first[2].ID})
	require.NoError(t, err)
	require.Equal(t, []string{"paid"}, namesOf(rest))
	require.Equal(t, "7", *rest[0].IdempotencyKey)
	require.True(t, sent.Equal(*rest[0].SentAt))
	require.EqualValues(t, 2, rest[0].JobCount)
	require.Nil(t, rest[0].ParentID)
	require.Equal(t, paid.Event.ID, *first[2].ParentID)
}

// WithoutNotifications does not change the filter that it is given.
func TestWithoutNotifications(t *testing.T) {
	t.Parallel()
	sources := make([]string, 1, 2)
	sources[0] = "blog"
	filter := deliverystore.EventFilter{NotSources: sources}
	require.Equal(t, []string{"blog", "sluice"}, deliveryclient.WithoutNotifications(filter).NotSources)
	require.Equal(t, []string{"blog", ""}, sources[:2])
}

// An event has its payload, its parts and its jobs.
func TestShowEvent(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	events := s.events()
	added := s.add(t, deliverystore.NewEvent{
		Source: "shop", Name: "paid", Version: "v1", Context: json.RawMessage(`{"country": "DE"}`),
		Data: json.RawMessage(`{"total": 12}`), Jobs: []deliverystore.NewJob{{Destination: "log", Action: "write"}},
		SubEvents: []deliverystore.NewEvent{
			{Source: "shop", Name: "one", Jobs: []deliverystore.NewJob{{Destination: "crm", Action: "upsert"}}},
			{Source: "shop", Name: "two"},
		},
	})
	shown, err := events.Show(s.ctx, added.Event.ID)
	require.NoError(t, err)
	require.Equal(t, []string{added.Event.ID, "shop", "paid", "v1"}, []string{shown.ID, shown.Source, shown.Name, shown.Version})
	require.JSONEq(t, `{"country": "DE"}`, string(shown.Context))
	require.JSONEq(t, `{"total": 12}`, string(shown.Data))
	require.Equal(t, []string{"two", "one"}, namesOf(shown.Parts))
	require.EqualValues(t, 1, shown.Parts[1].JobCount)
	require.Equal(t, []string{"write"}, actionsOf(shown.Jobs), "jobs of parts are theirs")
	require.True(t, shown.Jobs[0].NoWorker)
	require.EqualValues(t, 1, shown.JobCount)
	list, err := events.List(s.ctx, deliverystore.EventFilter{IDs: []string{added.Event.ID}}, deliverystore.Page{})
	require.NoError(t, err)
	require.Equal(t, list[0], shown.Event, "an event is the same in a list")

	part, err := events.Show(s.ctx, shown.Parts[1].ID)
	require.NoError(t, err)
	require.Equal(t, added.Event.ID, *part.ParentID)
	require.Equal(t, []deliveryclient.Event{}, part.Parts)
	require.Equal(t, []string{"upsert"}, actionsOf(part.Jobs))

	_, err = events.Show(s.ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "event none: not found")
}

// A purge deletes the old events whose jobs have all ended in one of the states, and counts what it deletes.
func TestPurge(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	events := s.events()
	ended := func(source, state string) string {
		added := s.add(t, deliverystore.NewEvent{
			Source: source, Jobs: []deliverystore.NewJob{{Destination: "log", Action: "write"}},
			SubEvents: []deliverystore.NewEvent{{Source: source, Name: "part"}},
		})
		if state == "cancelled" {
			_, err := s.jobs().Change(s.ctx, deliverystore.CommandCancel,
				deliveryclient.Selection{IDs: added.Jobs}, ann)
			require.NoError(t, err)
		}
		return added.Event.ID
	}
	cancelled, waiting, ofBlog := ended("shop", "cancelled"), ended("shop", "acknowledged"), ended("blog", "cancelled")
	s.exec(t, "UPDATE events SET received_at = now() - interval '2 days'")
	young := ended("shop", "cancelled")
	rule := deliverystore.Retention{ReceivedBefore: time.Now().Add(-24 * time.Hour)}
	exists := func(want map[string]bool) {
		t.Helper()
		for id, kept := range want {
			_, err := events.Show(s.ctx, id)
			if kept {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, store.ErrNotFound)
			}
		}
	}

	purged, err := events.Purge(s.ctx, rule, false)
	require.NoError(t, err)
	require.Zero(t, purged, "by default all jobs must have succeeded")
	rule.States, rule.Sources = []string{"succeeded", "cancelled"}, []string{"shop"}
	want := deliverystore.Purged{Events: 2, Jobs: 1, Transitions: 2}
	purged, err = events.Purge(s.asAnn(), rule, true)
	require.NoError(t, err)
	require.Equal(t, want, purged)
	exists(map[string]bool{cancelled: true, waiting: true, ofBlog: true, young: true})
	purged, err = events.Purge(s.asAnn(), rule, false)
	require.NoError(t, err)
	require.Equal(t, want, purged)
	exists(map[string]bool{cancelled: false, waiting: true, ofBlog: true, young: true})
	entry := s.lastAudit(t)
	require.Equal(t, []string{"ann", "event.purge", ""}, []string{entry.Who, entry.Operation, entry.Error})
	var after struct {
		States, Sources []string
		NotSources      []string  `json:"not_sources"`
		ReceivedBefore  time.Time `json:"received_before"`
	}
	require.NoError(t, json.Unmarshal(entry.After, &after))
	require.Equal(t, rule.States, after.States)
	require.Equal(t, rule.Sources, after.Sources, "the audit says which events were purged")
	require.True(t, rule.ReceivedBefore.Equal(after.ReceivedBefore))

	rule.Sources, rule.NotSources = nil, []string{"shop"}
	purged, err = events.Purge(s.ctx, rule, false)
	require.NoError(t, err)
	require.Equal(t, want, purged)
	exists(map[string]bool{waiting: true, ofBlog: false, young: true})

	rule.States = []string{"succeeded", "held"}
	for _, dryRun := range []bool{true, false} {
		_, err = events.Purge(s.ctx, rule, dryRun)
		require.ErrorIs(t, err, call.ErrInvalid)
		require.EqualError(t, err, "state held: want one of succeeded, discarded, cancelled")
		_, err = events.Purge(s.ctx, deliverystore.Retention{}, dryRun)
		require.ErrorIs(t, err, call.ErrInvalid)
		require.EqualError(t, err, "purge events: want the time before which they were received")
	}
}
