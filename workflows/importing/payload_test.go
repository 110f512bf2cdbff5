package importing_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/workflows/importing"
)

// maxPayload is the size above which a payload does not belong into a history.
const maxPayload = 64 << 10

// scales is a data converter that notes the largest payload.
type scales struct {
	converter.DataConverter
	mu   sync.Mutex
	most int
}

func (s *scales) weigh(p *commonpb.Payload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, p.Size())
}

// ToPayload weighs one value.
func (s *scales) ToPayload(value any) (*commonpb.Payload, error) {
	p, err := s.DataConverter.ToPayload(value)
	s.weigh(p)
	return p, err
}

// ToPayloads weighs several.
func (s *scales) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	all, err := s.DataConverter.ToPayloads(values...)
	for _, p := range all.GetPayloads() {
		s.weigh(p)
	}
	return all, err
}

// Whatever an import is like, what it writes into its history is small: here with as
// many parts as there can be, all parked with the longest reason.
func TestPayloadsAreSmall(t *testing.T) {
	t.Parallel()
	r := setup(t)
	weighed := &scales{DataConverter: converter.GetDefaultDataConverter()}
	r.SetDataConverter(weighed)
	r.planned = largestPlan()
	reason := string(make([]rune, 2000))
	r.load = func(context.Context, int32, int) error {
		return temporal.NewNonRetryableApplicationError(reason, string(importers.ClassRejects), errors.New(reason))
	}
	require.Error(t, r.start())
	require.Less(t, weighed.most, maxPayload)
	require.Greater(t, weighed.most, maxPayload/4, "the plan must have been weighed")
	size, err := weighed.ToPayload(r.state())
	require.NoError(t, err)
	require.Less(t, size.Size(), 2<<20, "a query's answer has a limit too")
}

// largestPlan is what activities.Plan returns at most: all parts parked but those of
// one run, with the longest labels. (That it does is tested there.)
func largestPlan() importacts.Planned {
	p := importacts.Planned{Total: importers.MaxParts, Open: importers.MaxParts, Parallelism: 64, Park: true}
	for i := range importers.MaxParts {
		part := importacts.PlannedPart{No: int32(i), Parked: i >= importacts.MaxPlannedParts}
		if i < 2*importacts.MaxPlannedParts {
			part.Label = fmt.Sprintf("%090d", i)
		}
		p.Parts = append(p.Parts, part)
	}
	return p
}

// A plan of the largest size fits, too, where it is the result of an activity.
func TestLargestPlanFits(t *testing.T) {
	t.Parallel()
	p, err := converter.GetDefaultDataConverter().ToPayload(largestPlan())
	require.NoError(t, err)
	require.Less(t, p.Size(), maxPayload)
	input, err := converter.GetDefaultDataConverter().ToPayload(importing.ImportInput{ImportID: 1 << 62, Importer: "noop", Resumed: true})
	require.NoError(t, err)
	require.Less(t, input.Size(), 200)
}
