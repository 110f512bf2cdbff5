package ometria

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// State is the outcome of one record.
type State string

// The states of records. Only StateAccepted counts as delivered: the API validates asynchronously, see
// Writer.AsyncErrors.
const (
	// StateNotSent means that the record was not sent, or not processed: send it again.
	StateNotSent State = "not_sent"
	// StateAccepted means that the API has received the record.
	StateAccepted State = "accepted"
	// StateRejected means that the record cannot be delivered as it is.
	StateRejected State = "rejected"
	// StateUnknown means that the record may have been accepted: send it again.
	StateUnknown State = "unknown"
)

// Outcome is what happened to one record.
type Outcome struct {
	State State
	// Reason says why the record was rejected.
	Reason string
}

// Queue is the state of the account's queue, from the headers X-QueueSize-Limit and
// X-QueueSize-Remaining. Known is false if the API did not send them.
type Queue struct {
	Known            bool
	Limit, Remaining int
}

// Request is a request that the API answered.
type Request struct {
	// ID is the API's request_id.
	ID                 string
	Accepted, Rejected int
}

// Result is the account of a push. There is one outcome for each record, in the same order.
type Result struct {
	Outcomes []Outcome
	Requests []Request
	Queue    Queue
}

// Count returns the number of records in a state.
func (r Result) Count(s State) (n int) {
	for _, o := range r.Outcomes {
		if o.State == s {
			n++
		}
	}
	return n
}

const opPush = "push records"

// Push sends records in requests of one type each. Records that the API would reject by its documented
// limits are not sent. If the API rejects some records of a request, or the whole request, Push sends
// its halves to isolate them: repeating an accepted record is harmless. The first other error stops the
// push; it is an *Error, and Result has the outcomes up to it. Push does not retry.
func (w *Writer) Push(ctx context.Context, records []Record) (Result, error) {
	p := &push{Writer: w, records: records}
	p.result.Outcomes = make([]Outcome, len(records))
	types := make([]string, len(records))
	for i, r := range records {
		p.result.Outcomes[i].State = StateNotSent
		var err error
		if types[i], err = typeOf(r); err != nil {
			p.result.Outcomes[i] = Outcome{State: StateRejected, Reason: err.Error()}
		}
	}
	var batch []int
	for i := range records {
		if p.result.Outcomes[i].State == StateRejected {
			continue
		}
		if n := len(batch); n > 0 && (n == w.cfg.RecordsPerRequest || types[batch[0]] != types[i]) {
			if err := p.send(ctx, batch); err != nil {
				return p.result, err
			}
			batch = nil
		}
		batch = append(batch, i)
	}
	if len(batch) == 0 {
		return p.result, nil
	}
	return p.result, p.send(ctx, batch)
}

// push is a push under way.
type push struct {
	*Writer
	records []Record
	result  Result
}

// send sends the records of a batch, and halves it while some of them are rejected.
func (p *push) send(ctx context.Context, batch []int) error {
	if q := p.result.Queue; q.Known && q.Remaining < len(batch) {
		return &Error{Op: opPush, Class: ClassThrottled, Err: fmt.Errorf(
			"the account's queue has room for %d records: want %d", q.Remaining, len(batch))}
	}
	rejected, reason, err := p.request(ctx, batch)
	switch {
	case err != nil:
		if ClassOf(err) == ClassUnknown {
			p.mark(batch, Outcome{State: StateUnknown})
		}
		return err
	case rejected == 0:
		p.mark(batch, Outcome{State: StateAccepted})
		return nil
	case rejected == len(batch) && (len(batch) == 1 || reason == ""):
		reason = cmp.Or(reason, "the API rejected the record without a reason")
		p.mark(batch, Outcome{State: StateRejected, Reason: reason})
		return nil
	}
	// Until the halves are answered, some of the records may have been accepted.
	if reason == "" {
		p.mark(batch, Outcome{State: StateUnknown})
	}
	half := len(batch) / 2
	if err := p.send(ctx, batch[:half]); err != nil {
		return err
	}
	return p.send(ctx, batch[half:])
}

func (p *push) mark(batch []int, o Outcome) {
	for _, i := range batch {
		p.result.Outcomes[i] = o
	}
}

// request makes one request. It returns how many records were rejected; a reason means that the
// whole request was refused because of its records.
func (p *push) request(ctx context.Context, batch []int) (rejected int, reason string, err error) {
	// Push has parsed each record: together they are valid JSON.
	all := make([][]byte, len(batch))
	for n, i := range batch {
		all[n] = p.records[i]
	}
	body := append(append([]byte("["), bytes.Join(all, []byte(","))...), ']')
	a, err := p.call(ctx, opPush, http.MethodPost, "/push", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	p.result.Queue = queueOf(a.header)
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return len(batch), p.refusal(a), nil
	}
	if a.status/100 != 2 {
		return 0, "", p.fault(opPush, a)
	}
	answered, err := parsePush(a.body, len(batch))
	if err != nil {
		return 0, "", unknown(opPush, a.status, "%w", err)
	}
	p.result.Requests = append(p.result.Requests, answered)
	return answered.Rejected, "", nil
}

// maxID bounds request_id in bytes.
const maxID = 100

// parsePush parses the response of a push of sent records. It must account for each of them.
func parsePush(body []byte, sent int) (Request, error) {
	var a struct {
		Status   string `json:"status"`
		ID       string `json:"request_id"`
		Accepted *int   `json:"accepted"`
		Rejected *int   `json:"rejected"`
	}
	switch err := json.Unmarshal(body, &a); {
	case err != nil:
		return Request{}, errors.New("the response is not valid JSON of a push")
	case a.Status != "OK":
		return Request{}, errors.New("the response does not have the status OK")
	case a.Accepted == nil || a.Rejected == nil:
		return Request{}, errors.New("the response lacks accepted or rejected")
	case *a.Accepted < 0 || *a.Rejected < 0 || *a.Accepted > sent || *a.Accepted+*a.Rejected != sent:
		return Request{}, fmt.Errorf("the response accounts for %d accepted and %d rejected records: want %d together",
			*a.Accepted, *a.Rejected, sent)
	case len(a.ID) > maxID:
		return Request{}, fmt.Errorf("the request_id has %d bytes: want at most %d", len(a.ID), maxID)
	default:
		return Request{ID: a.ID, Accepted: *a.Accepted, Rejected: *a.Rejected}, nil
	}
}

// queueOf reads the headers of the account's queue.
func queueOf(h http.Header) Queue {
	limit, err := strconv.Atoi(h.Get("X-QueueSize-Limit"))
	remaining, err2 := strconv.Atoi(h.Get("X-QueueSize-Remaining"))
	if err != nil || err2 != nil || limit < 0 || remaining < 0 {
		return Queue{}
	}
	return Queue{Known: true, Limit: limit, Remaining: remaining}
}
