package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/sync"
)

// syncConnections is the number of requests of list sync to an endpoint at a time, over all workers.
const syncConnections = 4

// recordsType is the type of what list sync posts.
const recordsType = "sync.records"

// OpenWriter opens a connection for list sync: each request has an array of records.
func (k *Kind) OpenWriter(c connections.Connection, o sync.TargetOptions, b sync.Budgets) (sync.Writer, error) {
	address, err := endpointOf(c)
	if err != nil {
		return nil, err
	}
	return syncWriter{client: k.client, connection: c, address: address, items: o.Items, budgets: b}, nil
}

// syncWriter posts records of list sync.
type syncWriter struct {
	client     *client
	connection connections.Connection
	address    string
	items      int
	budgets    sync.Budgets
}

var _ sync.Writer = syncWriter{}

// Write posts records as arrays of at most so many items and MaxData bytes. If the endpoint refuses a request for its
// contents (400, 413, 415, 422), its halves are posted: a record that is refused alone is rejected.
func (w syncWriter) Write(ctx context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	outcomes := make([]sync.Outcome, len(records))
	for i := range outcomes {
		outcomes[i].State = sync.StateUnsent
	}
	for from := 0; from < len(records); {
		to, size := from, 0
		for to < len(records) && to-from < w.items && (to == from || size+len(records[to]) <= MaxData) {
			size += len(records[to]) + 1
			to++
		}
		if err := w.post(ctx, records[from:to], outcomes[from:to]); err != nil {
			return outcomes, err
		}
		from = to
	}
	return outcomes, nil
}

// post posts records in one request, or in halves if it is refused.
func (w syncWriter) post(ctx context.Context, records []json.RawMessage, outcomes []sync.Outcome) error {
	if len(records) == 1 && len(records[0]) > MaxData {
		outcomes[0] = sync.Outcome{State: sync.StateRejected, Reason: fmt.Sprintf(
			"the record has %d bytes: want at most %d", len(records[0]), MaxData)}
		return nil
	}
	answered, err := w.request(ctx, records)
	if err != nil {
		var silent unanswered
		class := sync.ClassPermanent
		if errors.As(err, &silent) || ctx.Err() != nil {
			class = sync.ClassUnavailable
		}
		return &sync.Error{Class: class, Err: err}
	}
	if answered.status/100 == 2 {
		for i := range outcomes {
			outcomes[i].State = sync.StateDelivered
		}
		return nil
	}
	then := report(answered)
	if !then.ForceDiscard {
		return judged(answered, then)
	}
	if len(records) == 1 {
		outcomes[0] = sync.Outcome{State: sync.StateRejected, Reason: then.Error.Error()}
		return nil
	}
	half := len(records) / 2
	if err := w.post(ctx, records[:half], outcomes[:half]); err != nil {
		return err
	}
	return w.post(ctx, records[half:], outcomes[half:])
}

// request makes one request. The same records have the same ID, by which receivers know a repetition.
func (w syncWriter) request(ctx context.Context, records []json.RawMessage) (answer, error) {
	release, err := w.budgets.Slot(ctx, KindName+":"+w.connection.Name, syncConnections)
	if err != nil {
		return answer{}, unanswered{err}
	}
	defer release()
	data, err := json.Marshal(records)
	body, enveloping := json.Marshal(envelope{Type: recordsType, Timestamp: time.Now().UTC(), Data: json.RawMessage(data)})
	if err != nil || enveloping != nil {
		return answer{}, errors.New("the records are not valid JSON")
	}
	sum := sha256.Sum256(data)
	return w.client.post(ctx, w.address, w.connection.Secrets, "sync_"+hex.EncodeToString(sum[:16]), body)
}

// judged returns the error of an answer that is about the endpoint.
func judged(a answer, then destinations.Then) error {
	class := sync.ClassPermanent
	switch {
	case a.status == 429:
		class = sync.ClassThrottled
	case a.status == 408 || a.status == 425 || a.status == 503:
		class = sync.ClassUnavailable
	case a.status/100 == 5:
		class = sync.ClassUnknown
	}
	return &sync.Error{Class: class, RetryAfter: then.RetryAfter, Err: then.Error}
}
