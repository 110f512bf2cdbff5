package ometria_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/sync/ometria"
)

// Whatever fails: records that are sent again until they are settled are all delivered or rejected,
// and no record counts as accepted that the API does not have.
func TestEachRecordIsSettled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := setup(rt, fakeometria.Config{}, ometria.Config{RecordsPerRequest: rapid.IntRange(1, 120).Draw(rt, "size")})
		valid := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) bool { return rapid.IntRange(0, 7).Draw(t, "kind") > 0 }), 0, 150).
			Draw(rt, "valid")
		open := make([]int, len(valid))
		for i := range open {
			open[i] = i
		}
		faults := []fakefault.Fault{
			{}, {}, {Status: 429}, {Status: 503}, {Status: 500, Apply: true}, {Status: 502}, {Cut: true}, {Drop: true, Apply: true}, {Drop: true},
		}
		for round := 0; len(open) > 0; round++ {
			if round > 200 {
				rt.Fatal("the push does not end")
			}
			fault := rapid.SampledFrom(faults).Draw(rt, "fault")
			if round < 20 && (fault.Status > 0 || fault.Cut || fault.Drop) {
				fault.Times, fault.Skip = 1, rapid.IntRange(0, 12).Draw(rt, "skip")
				b.fake.Inject(fault)
			}
			records := make([]ometria.Record, len(open))
			for n, i := range open {
				records[n] = contact(i, valid[i])
			}
			r, err := b.Push(rt.Context(), records)
			open = checkOutcomes(rt, b, r, err, open, valid)
		}
		have := b.fake.Records()
		for i, ok := range valid {
			if _, there := have[key(i)]; there != ok {
				rt.Fatalf("the record %d: valid %t, delivered %t", i, ok, there)
			}
		}
	})
}

// checkOutcomes checks the outcomes and returns the records that must be sent again.
func checkOutcomes(t *rapid.T, b *bundle, r ometria.Result, err error, sent []int, valid []bool) (open []int) {
	if len(r.Outcomes) != len(sent) {
		t.Fatalf("%d outcomes of %d records", len(r.Outcomes), len(sent))
	}
	have := b.fake.Records()
	for n, i := range sent {
		switch o := r.Outcomes[n]; o.State {
		case ometria.StateAccepted:
			if _, there := have[key(i)]; !there {
				t.Fatalf("the record %d is accepted, and not there", i)
			}
		case ometria.StateRejected:
			if valid[i] || o.Reason == "" {
				t.Fatalf("the record %d is rejected: %q", i, o.Reason)
			}
		default:
			open = append(open, i)
		}
	}
	if (err == nil) != (len(open) == 0) {
		t.Fatalf("%d records are open, with the error %v", len(open), err)
	}
	return open
}
