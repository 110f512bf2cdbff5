package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	dlog "github.com/sluicehq/sluice/destinations/log"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// flows returns the flows of a program that has the log alone.
func (s *stored) flows(t *testing.T) deliveryclient.Flows {
	t.Helper()
	c := s.client(t, dlog.New())
	return deliveryclient.Flows{
		Store: s.Store, Registry: c.Registry(),
		Client: func(context.Context) (*deliveryclient.Client, error) { return c, nil },
	}
}

// parsed returns the flows of a text.
func parsed(t *testing.T, f deliveryclient.Flows, text string) deliveryclient.FlowSet {
	t.Helper()
	set, err := f.Parse(t.Context(), "flows.yaml", []byte(text))
	require.NoError(t, err)
	return set
}

const (
	paidOrders = `flows:
  - name: paid-orders
    from: {source: shop}
    when: data.total > 10
    to: [{destination: log, action: write, data: {text: '"order " + string(data.id)'}}]
`
	toCRM = `flows:
  - name: crm
    to: [{destination: crm, action: upsert}]
`
)

// A text with faults is refused as a whole, with each fault where it stands.
func TestParseFlows(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	f := s.flows(t)
	for text, want := range map[string]string{
		"flows: 7":                   "flows.yaml:1:8: ",
		"flows: [{name: a, to: []}]": "flows.yaml:1:23: there are 0 actions: want 1 to 100",
		"flows:\n  - name: A\n    to: [{destination: log, action: read}]\n": `flows.yaml:2:11: the name "A": want a lower-case letter`,
		"flows:\n  - name: a\n    to: [{destination: log, action: read}]\n": `flows.yaml:3:37: log: unknown action "read"`,
		toCRM: `flows.yaml:3:24: unknown destination "crm"`,
	} {
		_, err := f.Parse(s.ctx, "flows.yaml", []byte(text))
		require.ErrorIs(t, err, call.ErrInvalid, text)
		require.ErrorContains(t, err, want)
	}

	// A destination of a live worker is known, with its actions.
	s.heartbeat(t, "crm", "upsert")
	set := parsed(t, f, toCRM)
	require.Equal(t, "crm", set.Flows[0].Name)
	_, err := f.Parse(s.ctx, "flows.yaml", []byte(strings.Replace(toCRM, "upsert", "delete", 1)))
	require.ErrorIs(t, err, call.ErrInvalid)
	require.ErrorContains(t, err, `crm: unknown action "delete"`)

	// Workers matter only for a destination that this program does not have.
	f.Workers = func(context.Context) (store.Workers, error) { return nil, errors.New("list live workers: away:\nmore") }
	parsed(t, f, paidOrders)
	_, err = f.Parse(s.ctx, "flows.yaml", []byte(toCRM))
	require.ErrorIs(t, err, call.ErrInvalid)
	require.ErrorContains(t, err, `unknown destination "crm"`)
	require.True(t, strings.HasSuffix(err.Error(), "\nWhat live workers offer is not known: list live workers: away"), err)
	_, err = f.List(s.ctx, deliveryclient.FlowFilter{})
	require.EqualError(t, err, "list live workers: away:\nmore")
}

// Parsed flows say what they decide about an event, and make no jobs.
func TestDecide(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	set := parsed(t, s.flows(t), paidOrders)
	decide := func(source, data string) deliveryclient.FlowDecision {
		all := deliveryclient.FlowDecisions(set.Decide(s.ctx, destinations.Event{
			ID: "e", Source: source, Context: json.RawMessage(`{"country": "DE"}`), Data: json.RawMessage(data),
		}))
		require.Len(t, all, 1)
		require.Equal(t, "paid-orders", all[0].Flow)
		return all[0]
	}
	made := decide("shop", `{"id": 7, "total": 12}`)
	require.Equal(t, []string{flow.DecidedJob, "log", "write", ""}, []string{made.Decided, made.Destination, made.Action, made.Error})
	require.JSONEq(t, `{"text": "order 7"}`, string(made.Data))
	require.JSONEq(t, `{"country": "DE"}`, string(made.Context))
	require.Equal(t, flow.DecidedFalse, decide("shop", `{"id": 7, "total": 2}`).Decided)
	require.Equal(t, flow.DecidedElse, decide("blog", `{}`).Decided)
	failed := decide("shop", `{"total": "a lot"}`)
	require.Equal(t, flow.DecidedFault, failed.Decided)
	require.Contains(t, failed.Error, "flows.yaml:4:11: invalid operation: string > int")
	require.Nil(t, failed.Data)
	n, err := s.jobs().Count(s.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.Zero(t, n)
}

// changesOf returns names, changes and versions.
func changesOf(changes []deliveryclient.FlowChange) [][]any {
	all := [][]any{}
	for _, c := range changes {
		all = append(all, []any{c.Name, c.Change, c.Version})
	}
	return all
}

const (
	twoFlows = `flows:
  - name: b
    to: [{destination: log, action: write}]
  - name: a
    to: [{destination: log, action: write}]
`
	changedFlows = `flows:
  - name: a
    description: changed
    to: [{destination: log, action: write}]
  - name: c
    to: [{destination: log, action: write}]
`
)

// Applying does what the diff has shown. An unchanged flow keeps its version, a removed one its history.
func TestApplyFlows(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	f := s.flows(t)
	apply := func(text string, prune bool) [][]any {
		t.Helper()
		set := parsed(t, f, text)
		before, err := f.List(s.ctx, deliveryclient.FlowFilter{})
		require.NoError(t, err)
		diff, err := f.Diff(s.ctx, set, prune)
		require.NoError(t, err)
		after, err := f.List(s.ctx, deliveryclient.FlowFilter{})
		require.NoError(t, err)
		require.Equal(t, before, after, "a diff changes nothing")
		applied, err := f.Apply(s.ctx, set, deliveryclient.ApplyOptions{Prune: prune, By: "ann"})
		require.NoError(t, err)
		require.Empty(t, applied.Replayed)
		require.Len(t, diff, len(applied.Changes))
		for i, c := range applied.Changes {
			require.Equal(t, []string{diff[i].Name, diff[i].Change}, []string{c.Name, c.Change})
			require.JSONEq(t, string(diff[i].Before), string(c.Before))
			require.JSONEq(t, string(diff[i].After), string(c.After))
			require.Equal(t, c.Change == deliverystore.FlowAdded, string(c.Before) == "null", c.Name)
			require.Equal(t, c.Change == deliverystore.FlowRemoved, string(c.After) == "null", c.Name)
			if c.Change != deliverystore.FlowUnchanged {
				require.Zero(t, diff[i].Version)
			}
		}
		return changesOf(applied.Changes)
	}
	one := int64(1)
	require.Equal(t, [][]any{{"b", "added", one}, {"a", "added", one}}, apply(twoFlows, false))
	require.Equal(t, [][]any{{"b", "unchanged", one}, {"a", "unchanged", one}}, apply(twoFlows, true))
	require.Equal(t, [][]any{{"a", "changed", one + 1}, {"c", "added", one}}, apply(changedFlows, false))
	list, err := f.List(s.ctx, deliveryclient.FlowFilter{})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, []string{"a", "b", "c"}, []string{list[0].Name, list[1].Name, list[2].Name})
	require.Equal(t, []deliveryclient.FlowVersion{}, list[0].Versions, "a list is without versions")
	require.Equal(t, []any{"ann", one + 1, "changed"}, []any{list[0].UpdatedBy, list[0].Version, list[0].Read.Description})

	require.Equal(t, [][]any{{"a", "unchanged", one + 1}, {"c", "unchanged", one}, {"b", "removed", one + 1}},
		apply(changedFlows, true))
	_, err = f.Show(s.ctx, "b")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "flow b: not found")
	require.Equal(t, [][]any{{"b", "added", one + 2}, {"a", "changed", one + 2}}, apply(twoFlows, false))
	shown, err := f.Show(s.ctx, "b")
	require.NoError(t, err)
	require.Len(t, shown.Versions, 3)
	for i, version := range shown.Versions {
		require.EqualValues(t, 3-i, version.Version, "newest first")
		require.Equal(t, "ann", version.By)
		require.Equal(t, i == 1, string(version.Spec) == "null", "version 2 is the removal")
	}

	inGo := deliveryclient.FlowSet{Flows: []flow.Flow{{
		Name: "d", To: []flow.Step{{Data: map[string]any{"x": func() {}}}},
	}}}
	_, err = f.Diff(s.ctx, inGo, false)
	require.EqualError(t, err, "encode flow d: json: unsupported type: func()")
	_, err = f.Apply(s.ctx, inGo, deliveryclient.ApplyOptions{})
	require.EqualError(t, err, "encode flow d: json: unsupported type: func()")
	twice := parsed(t, f, twoFlows)
	twice.Flows = append(twice.Flows, twice.Flows[0])
	_, err = f.Apply(s.ctx, twice, deliveryclient.ApplyOptions{})
	require.ErrorContains(t, err, "flow b is specified twice: want one specification")
}

// A flow shows its fault, the actions that no worker offers, and the events that are kept for it.
func TestFlowsInLists(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	f := s.flows(t)
	_, err := s.Deliveries.ApplyFlows(s.ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{
		{Name: "crm", Spec: json.RawMessage(`{"name": "crm", "to": [{"destination": "crm", "action": "upsert"}]}`)},
		{Name: "gone", Spec: json.RawMessage(`{"name": "gone", "to": [{"destination": "log", "action": "read"}]}`)},
		{Name: "newer", Spec: json.RawMessage(`{"name": "newer", "window": "5m"}`)},
	}})
	require.NoError(t, err)
	c, err := f.Client(s.ctx)
	require.NoError(t, err)
	_, err = c.AddEvent(s.ctx, deliveryclient.EventRequest{Source: "shop"})
	require.NoError(t, err)
	s.heartbeat(t, "log", "write")
	list, err := f.List(s.ctx, deliveryclient.FlowFilter{})
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, []any{"", []string{"crm/upsert"}, int64(0), ""},
		[]any{list[0].Fault, list[0].NoWorker, list[0].KeptEvents, list[0].LastFailure})
	require.Contains(t, list[1].Fault, `log: unknown action "read"`)
	require.Equal(t, []string{"log/read"}, list[1].NoWorker)
	require.EqualValues(t, 1, list[1].KeptEvents)
	require.Contains(t, list[1].LastFailure, "the flow is faulty: ")
	require.Contains(t, list[2].Fault, `unknown field "window"`)
	require.Equal(t, []string{}, list[2].NoWorker)
	require.Equal(t, []string{deliveryclient.FlowNoWorker, deliveryclient.FlowFaulty, deliveryclient.FlowFaulty},
		[]string{list[0].State, list[1].State, list[2].State})
	for want, filter := range map[string]deliveryclient.FlowFilter{
		"[crm gone newer]": {}, "[gone newer]": {State: deliveryclient.FlowFaulty}, "[gone]": {Text: "LOG/read"},
		"[]": {State: deliveryclient.FlowFaulty, Text: "crm"},
	} {
		some, err := f.List(s.ctx, filter)
		require.NoError(t, err)
		names := []string{}
		for _, one := range some {
			names = append(names, one.Name)
		}
		require.Equal(t, want, fmt.Sprint(names))
	}
	s.heartbeat(t, "crm", "upsert")
	for _, want := range list {
		shown, err := f.Show(s.ctx, want.Name)
		require.NoError(t, err)
		require.Len(t, shown.Versions, 1)
		shown.Versions = want.Versions
		if want.Name == "crm" {
			require.Equal(t, []string{}, shown.NoWorker)
			require.Equal(t, deliveryclient.FlowActive, shown.State)
			shown.NoWorker, shown.State = want.NoWorker, want.State
		}
		require.Equal(t, want, shown, "a flow is the same in a list")
	}
}

// Applying replays the events that are kept for a flow of the set, unless it is disabled.
func TestApplyReplays(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	f := s.flows(t)
	c, err := f.Client(s.ctx)
	require.NoError(t, err)
	apply := func(text string) (deliveryclient.AppliedFlows, error) {
		return f.Apply(s.ctx, parsed(t, f, text), deliveryclient.ApplyOptions{By: "ann"})
	}
	_, err = apply(paidOrders)
	require.NoError(t, err)
	for _, data := range []string{`{"id": 7, "total": "a lot"}`, `{"id": 8, "total": "little"}`} {
		added, err := c.AddEvent(s.ctx, deliveryclient.EventRequest{Source: "shop", Data: json.RawMessage(data)})
		require.NoError(t, err)
		require.Empty(t, added.Jobs)
		require.Len(t, added.Faults, 1)
	}
	kept := func(want int64, state string) {
		t.Helper()
		shown, err := f.Show(s.ctx, "paid-orders")
		require.NoError(t, err)
		require.Equal(t, []any{want, state}, []any{shown.KeptEvents, shown.State})
	}
	kept(2, deliveryclient.FlowFailing)
	again, err := apply(paidOrders)
	require.NoError(t, err, "events for which the flow fails again are no error")
	require.Len(t, again.Replayed, 1)
	require.Equal(t, []int{0, 0, 2}, []int{again.Replayed[0].Events, again.Replayed[0].Jobs, again.Replayed[0].Failed})
	require.ErrorContains(t, again.Replayed[0].LastFault, "paid-orders: when: ")

	// A disabled flow makes no jobs, and loses no event.
	disabled := strings.Replace(paidOrders, "    from:", "    enabled: false\n    from:", 1)
	off, err := apply(disabled)
	require.NoError(t, err)
	require.Empty(t, off.Replayed)
	kept(2, deliveryclient.FlowDisabled)
	replayed, err := c.ReplayFlow(s.ctx, "paid-orders")
	require.ErrorIs(t, err, call.ErrRefused)
	require.EqualError(t, err, "flow paid-orders is disabled, its events are kept: enable it to replay them")
	require.Zero(t, replayed)
	kept(2, deliveryclient.FlowDisabled)

	// Without Temporal the flows are applied nevertheless.
	fixed := strings.Replace(paidOrders, "data.total > 10", `data.total == "a lot"`, 1)
	away := f
	away.Client = func(context.Context) (*deliveryclient.Client, error) { return nil, errors.New("away") }
	failed, err := away.Apply(s.ctx, parsed(t, f, fixed), deliveryclient.ApplyOptions{})
	require.EqualError(t, err, "applied the flows, but failed to replay the events kept for flow paid-orders "+
		"(retry with `sluice flow replay paid-orders`): away")
	require.Equal(t, [][]any{{"paid-orders", "changed", int64(3)}}, changesOf(failed.Changes))
	kept(2, deliveryclient.FlowFailing)

	// Applied once more, the unchanged flow has its events.
	applied, err := apply(fixed)
	require.NoError(t, err)
	require.Equal(t, [][]any{{"paid-orders", "unchanged", int64(3)}}, changesOf(applied.Changes))
	require.Equal(t, []deliveryclient.FlowReplay{{
		Flow: "paid-orders", Replayed: deliveryclient.Replayed{Events: 2, Jobs: 1},
	}}, applied.Replayed)
	kept(0, deliveryclient.FlowNoWorker)
	s.heartbeat(t, "log", "write")
	kept(0, deliveryclient.FlowActive)
	jobs, err := s.jobs().List(s.ctx, deliverystore.JobFilter{}, deliverystore.Page{})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	job, err := s.jobs().Show(s.ctx, jobs[0].ID)
	require.NoError(t, err)
	require.JSONEq(t, `{"text": "order 7"}`, string(job.Data))
}
