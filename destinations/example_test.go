package destinations_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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

// Decode is the first step of Marshal. Its errors name fields, and never quote values.
func ExampleDecode() {
	var order struct {
		Connection string `json:"connection" required:"true"`
		Total      int    `json:"total"`
	}
	fmt.Println(destinations.Decode(json.RawMessage(`{"connection": "shop", "total": 12}`), &order), order.Total)
	fmt.Println(destinations.Decode(json.RawMessage(`{"connection": "shop", "sum": 12}`), &order))
	fmt.Println(destinations.Decode(json.RawMessage(`{"connection": "shop", "total": "12 EUR"}`), &order))

	// Output:
	// <nil> 12
	// unknown field "sum": the fields are connection, total
	// field "total": want a whole number, got a string
}

// An answer is judged by its status: one refuses the job for all time, one says that the endpoint is gone, and one
// is retried.
func ExampleJudgeAnswer() {
	for _, status := range []int{http.StatusUnprocessableEntity, http.StatusGone, http.StatusServiceUnavailable} {
		discard, err := destinations.JudgeAnswer(status, errors.New(http.StatusText(status)))
		fmt.Println(discard, errors.Is(err, destinations.ErrGone), err)
	}

	// Output:
	// true false Unprocessable Entity
	// false true Gone: it is permanently gone
	// false false Service Unavailable
}
