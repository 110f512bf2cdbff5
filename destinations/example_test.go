package destinations_test

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/destinations"
)

// An action reports on some jobs by their IDs, and on the rest without: the endpoint has accepted one
// job, refused another, and is too busy for the third.
func ExampleOutcomeOf() {
	job := func(id string) destinations.QueuedJob { return destinations.QueuedJob{ID: id, Attempt: 1} }
	queue := &destinations.Queue{Events: []destinations.QueuedEvent{
		{Event: destinations.Event{ID: "order-1"}, Jobs: []destinations.QueuedJob{job("a"), job("b"), job("c")}},
	}}
	outcome := destinations.OutcomeOf(queue, []destinations.Then{
		{Jobs: []string{"a"}},
		{Jobs: []string{"b"}, Error: errors.New("unknown customer"), ForceDiscard: true},
		{Error: errors.New("503 Service Unavailable")},
	}, 3)
	for _, r := range outcome.Results {
		fmt.Println(r.Job.ID, r.State, r.Error)
	}

	// Output:
	// a succeeded <nil>
	// b discarded unknown customer
	// c failed 503 Service Unavailable
}
