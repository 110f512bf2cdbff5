package killtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// What an endpoint does with an event that it does not just take.
const (
	// ailsError answers 500, and has not taken it.
	ailsError = "error"
	// ailsThrottle answers 429 with a Retry-After, and has not taken it.
	ailsThrottle = "throttle"
	// ailsReset accepts the event and resets the connection: the sender does not know the outcome.
	ailsReset = "reset"
	// ailsSlow takes it, and lets its sender wait for the answer.
	ailsSlow = "slow"
	// ailsBad answers 422, whenever it comes.
	ailsBad = "bad"
)

// ailment is what goes wrong with an event, and at how many requests.
type ailment struct {
	kind  string
	times int
}

// ailments come in turn, one for every tenth event.
var ailments = []ailment{
	{ailsError, 1},
	{ailsError, 2},
	{ailsError, 3},
	{ailsThrottle, 1},
	{ailsReset, 1},
	{ailsReset, 2},
	{ailsSlow, 1},
	{ailsSlow, 2},
	{ailsBad, 0},
	{ailsBad, 0},
}

// ailmentOf says what goes wrong with the event of a number: nothing with nine in ten.
func ailmentOf(number int) ailment {
	if number%10 != 3 {
		return ailment{}
	}
	return ailments[number/10%len(ailments)]
}

// endOf is the state in which the job of an event must end.
func endOf(number int) string {
	if ailmentOf(number).kind == ailsBad {
		return deliverystore.JobDiscarded
	}
	return deliverystore.JobSucceeded
}

// mustTake returns how often an event is accepted without kills.
func mustTake(number int) int {
	switch a := ailmentOf(number); a.kind {
	case ailsBad:
		return 0
	case ailsReset:
		return 1 + a.times
	default:
		return 1
	}
}

// How long the slow answers take, and what the throttled ones ask for.
const (
	slowness   = 700 * time.Millisecond
	retryAfter = "1"
)

// endpoint takes events as their numbers say, and remembers each request.
type endpoint struct {
	mu       sync.Mutex
	requests int
	events   map[int]*delivered
	// wrong is what must not come.
	wrong []string
}

// delivered is what has come of one event.
type delivered struct {
	id, body        string
	requests, taken int
}

func newEndpoint() *endpoint { return &endpoint{events: map[int]*delivered{}} }

// answer answers an event whose signature was checked.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var event struct{ Data orderData }
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		e.note(func() { e.wrong = append(e.wrong, err.Error()) })
		http.Error(w, "not an order", http.StatusBadRequest)
		return
	}
	number := event.Data.Number
	a := ailmentOf(number)
	nth := e.came(number, r.Header.Get("webhook-id"), string(body), a)
	switch {
	case a.kind == ailsBad:
		http.Error(w, "no such order", http.StatusUnprocessableEntity)
	case nth > a.times:
		w.WriteHeader(http.StatusNoContent)
	case a.kind == ailsError:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case a.kind == ailsThrottle:
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "not so fast", http.StatusTooManyRequests)
	case a.kind == ailsReset:
		e.reset(w)
	default:
		select {
		case <-time.After(slowness):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// came takes a request down, and returns the how manieth of the event it is.
func (e *endpoint) came(number int, id, body string, a ailment) (nth int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	d := e.events[number]
	if d == nil {
		d = &delivered{id: id, body: body}
		e.events[number] = d
	}
	if d.id != id || d.body != body {
		e.wrong = append(e.wrong, fmt.Sprintf("event %d came as %s %s and as %s %s", number, d.id, d.body, id, body))
	}
	d.requests++
	if a.kind == ailsReset || a.kind == ailsSlow || a.kind != ailsBad && d.requests > a.times {
		d.taken++
	}
	return d.requests
}

// reset ends a connection without a word.
func (e *endpoint) reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetLinger(0)
		}
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		e.note(func() { e.wrong = append(e.wrong, err.Error()) })
	}
}

func (e *endpoint) note(what func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	what()
}

// soFar returns how many requests have come.
func (e *endpoint) soFar() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests
}
