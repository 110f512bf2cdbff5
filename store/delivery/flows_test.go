package delivery_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

func flows(prune bool, specs ...string) delivery.FlowSet {
	set := delivery.FlowSet{Prune: prune, By: "anna"}
	for i := 0; i < len(specs); i += 2 {
		set.Flows = append(set.Flows, delivery.FlowSpec{Name: specs[i], Spec: json.RawMessage(specs[i+1])})
	}
	return set
}

// apply applies a set and returns what has become of each flow.
func (b *bundle) apply(t *testing.T, set delivery.FlowSet) map[string]string {
	t.Helper()
	changes, err := b.ApplyFlows(b.ctx, set)
	require.NoError(t, err)
	all := map[string]string{}
	for _, c := range changes {
		all[c.Name] = c.Change
	}
	return all
}

func TestApplyFlows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dry := flows(false, "a", `{"to": [1]}`)
	dry.DryRun = true
	require.Equal(t, map[string]string{"a": delivery.FlowAdded}, b.apply(t, dry))
	all, err := b.Flows(b.ctx)
	require.NoError(t, err)
	require.Empty(t, all)

	require.Equal(t, map[string]string{"a": delivery.FlowAdded, "b": delivery.FlowAdded}, b.apply(t, flows(false, "a", `{"to": [1]}`, "b", `{}`)))
	// The same again, in another order and with other blanks, is the same.
	require.Equal(t, map[string]string{"a": delivery.FlowUnchanged}, b.apply(t, flows(false, "a", ` {"to":[1.0]}`)))
	require.Equal(t, map[string]string{"a": delivery.FlowChanged, "b": delivery.FlowRemoved}, b.apply(t, flows(true, "a", `{"to": [2]}`)))
	_, err = b.Flow(b.ctx, "b")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "flow b: not found")
	a, err := b.Flow(b.ctx, "a")
	require.NoError(t, err)
	require.EqualValues(t, 2, a.Version)
	require.Equal(t, "anna", a.UpdatedBy)

	// What comes back does not take the versions of before.
	require.Equal(t, map[string]string{"b": delivery.FlowAdded}, b.apply(t, flows(false, "b", `{}`)))
	versions, err := b.FlowVersionsOf(b.ctx, "b")
	require.NoError(t, err)
	require.Len(t, versions, 3)
	require.Equal(t, []int64{3, 2, 1}, []int64{versions[0].Version, versions[1].Version, versions[2].Version})
	require.Nil(t, versions[1].Spec)

	// Everything or nothing.
	for _, set := range []delivery.FlowSet{
		flows(false, "c", `{}`, "Not a name", `{}`), flows(false, "c", `{}`, "c", `{}`), flows(false, "c", `{}`, "a", `{`),
	} {
		_, err := b.ApplyFlows(b.ctx, set)
		require.Error(t, err)
		_, err = b.Flow(b.ctx, "c")
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// Concurrent equal changes add one version.
func TestApplyFlowsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { _, errs[i] = b.ApplyFlows(b.ctx, flows(false, "a", `{"to": [1]}`)) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	versions, err := b.FlowVersionsOf(b.ctx, "a")
	require.NoError(t, err)
	require.Len(t, versions, 1)
}
