package destinations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	crm, mail := destination("crm", "upsert", "delete"), destination("mail", "send")
	r := destinations.NewRegistry(mail, crm)
	require.Equal(t, []string{"crm", "mail"}, r.Names())
	require.Equal(t, []destinations.Destination{crm, mail}, r.All())
	got, err := r.Lookup("crm")
	require.NoError(t, err)
	require.Same(t, crm, got)
	_, err = r.Lookup("bi")
	require.EqualError(t, err, `unknown destination "bi" (want crm, mail)`)
	_, a, err := r.LookupAction("crm", "delete")
	require.NoError(t, err)
	require.Equal(t, "delete", a.Name())
	_, _, err = r.LookupAction("crm", "drop")
	require.EqualError(t, err, `crm: unknown action "drop" (want delete, upsert)`)
	_, _, err = r.LookupAction("bi", "drop")
	require.Error(t, err)
	_, err = destinations.NewRegistry().Lookup("crm")
	require.EqualError(t, err, `unknown destination "crm" (none is registered)`)
}

func TestRegisterPanics(t *testing.T) {
	t.Parallel()
	options := func(o destinations.Options) *fake {
		d := destination("crm", "upsert")
		d.options = o
		return d
	}
	for want, d := range map[string]destinations.Destination{
		"nil destination":                nil,
		`the name "C R M" does not`:      destination("C R M", "upsert"),
		"registered twice":               destination("mail", "send"),
		"there are no actions":           destination("crm"),
		`"upsert" comes twice`:           destination("crm", "upsert", "upsert"),
		`the action "Up" comes twice or`: destination("crm", "Up"),
		"an action is nil":               &fake{name: "crm", actions: []destinations.Action{nil}},
		`unknown default version "v1": want one of`: options(destinations.Options{
			DefaultVersion: "v1", Versions: map[string]time.Time{"v2": {}},
		}),
		`unknown default version "v1": want none`: options(destinations.Options{DefaultVersion: "v1"}),
		"default schedule: interval":              options(destinations.Options{DefaultSchedule: &destinations.Schedule{Interval: "x"}}),
		"not below zero":                          options(destinations.Options{Concurrency: -1}),
		"want 0 to 10000":                         options(destinations.Options{BatchSize: 10_001}),
		`action "upsert": interval`: &fake{name: "crm", actions: []destinations.Action{
			&action{name: "upsert", schedule: &destinations.Schedule{TimeZone: "nowhere"}},
		}},
	} {
		r := destinations.NewRegistry(destination("mail", "send"))
		func() {
			defer func() { require.Contains(t, recover(), want) }()
			r.Register(d)
		}()
		require.Equal(t, []string{"mail"}, r.Names())
	}
}
