package serving

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of answers.
const (
	// MaxKey is the length of a key, in bytes.
	MaxKey = 200
	// MaxAnswer is the size of a body that is kept, in bytes.
	MaxAnswer = 64 << 10
	// KeepAnswers is how long an answer is kept.
	KeepAnswers = 24 * time.Hour
	// answerLease is how long a request may take: after that a repetition takes its place. It is longer than
	// server.write_timeout by default, after which no answer can be sent.
	answerLease = 5 * time.Minute
	// sweepBatch is the number of rows that a sweep deletes in a transaction.
	sweepBatch = 1000
)

// Errors of repeated requests.
var (
	// ErrOtherRequest means that the key belongs to another request.
	ErrOtherRequest = errors.New("the key was used for another request")
	// ErrRunning means that the first request under the key is being answered.
	ErrRunning = errors.New("the first request under the key is being answered")
)

// Answer is the answer to a request.
type Answer struct {
	Status int
	// Header are the fields of the header to repeat.
	Header map[string]string
	// Body is nil if it was larger than MaxAnswer.
	Body []byte
}

// Request is a request that is being answered.
type Request struct {
	store                 *Store
	principal, key, lease string
}

// Begin reserves the key of a principal for a request, of which hash is a hash. It returns the answer instead if the
// request was answered before. The error is ErrOtherRequest or ErrRunning if the key is taken.
func (s *Store) Begin(ctx context.Context, principal, key string, hash []byte) (*Request, *Answer, error) {
	r := &Request{store: s, principal: principal, key: key, lease: rand.Text()}
	params := db.BeginAnswerParams{
		Principal: principal, Key: key, Request: hash, Lease: r.lease,
		LeaseS: answerLease.Seconds(), KeepS: KeepAnswers.Seconds(),
	}
	// The row may be deleted between the two statements: then the key is free.
	for range 3 {
		_, err := s.sql.Queries.BeginAnswer(ctx, params)
		if err == nil {
			return r, nil, nil
		}
		if !store.NoRows(err) {
			return nil, nil, fmt.Errorf("reserve an idempotency key: %w", err)
		}
		row, err := s.sql.Queries.AnswerByKey(ctx, principal, key)
		switch {
		case store.NoRows(err):
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("read the answer under an idempotency key: %w", err)
		case !bytes.Equal(row.Request, hash):
			return nil, nil, ErrOtherRequest
		case row.Status == nil:
			return nil, nil, ErrRunning
		}
		answer := &Answer{Status: int(*row.Status), Body: row.Body}
		if err := json.Unmarshal(row.Header, &answer.Header); err != nil {
			return nil, nil, fmt.Errorf("read the answer under an idempotency key: %w", err)
		}
		return nil, answer, nil
	}
	return nil, nil, ErrRunning
}

// Keep keeps the answer of the request. A body larger than MaxAnswer is left out.
func (r *Request) Keep(ctx context.Context, a Answer) error {
	header, err := json.Marshal(a.Header)
	if err != nil {
		return fmt.Errorf("encode the header of an answer: %w", err)
	}
	params := db.KeepAnswerParams{
		Status: ptr(int32(a.Status)), Header: header, Principal: r.principal, Key: r.key, Lease: r.lease,
	}
	if len(a.Body) <= MaxAnswer {
		params.Body = append([]byte{}, a.Body...)
	}
	if _, err := r.store.sql.Queries.KeepAnswer(ctx, params); err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// Drop forgets the request: its repetition is a first request again.
func (r *Request) Drop(ctx context.Context) error {
	err := r.store.sql.Queries.DropAnswer(ctx, db.DropAnswerParams{Principal: r.principal, Key: r.key, Lease: r.lease})
	if err != nil {
		return fmt.Errorf("forget a request: %w", err)
	}
	return nil
}

// SweepAnswers deletes answers that have expired.
func (s *Store) SweepAnswers(ctx context.Context) error {
	for {
		n, err := s.sql.Queries.SweepAnswers(ctx, sweepBatch)
		if err != nil {
			return fmt.Errorf("sweep answers: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

func ptr[T any](v T) *T { return &v }
