package ingesting

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/delay"
)

// saltsInterval is how often the salts are read again: a salt that was replaced, because the key set was
// lost, and that of tomorrow.
const saltsInterval = time.Minute

// SaltsConfig configures Salts.
type SaltsConfig struct {
	// Secrets is required.
	Secrets *Secrets
	// Logger reports when the salts cannot be read. Required.
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Salts are the salts of visitors' IDs in memory. While PostgreSQL is away they last until the end of the
// next day. It is safe for concurrent use.
type Salts struct {
	config SaltsConfig

	mu   sync.RWMutex
	days map[calendar.Day]key
	// reading lets one caller read at a time, and guards the last failure.
	reading sync.Mutex
	err     error
	failed  time.Time
}

var _ ingest.SaltSource = (*Salts)(nil)

// NewSalts returns salts. The error is about the configuration.
func NewSalts(c SaltsConfig) (*Salts, error) {
	if c.Secrets == nil || c.Logger == nil {
		return nil, errors.New("new salts: secrets and logger are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Salts{config: c}, nil
}

// Salts returns the salts of today and of the day before, in UTC. Today's is created if it does not exist.
func (s *Salts) Salts(ctx context.Context) (ingest.Salts, error) {
	today := calendar.DayOf(s.config.Now().UTC())
	if salts, ok := s.known(today); ok {
		return salts, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	// Another caller may have read them, or failed to, meanwhile: callers do not wait for one time-out each.
	if salts, ok := s.known(today); ok {
		return salts, nil
	}
	if s.err != nil && s.config.Now().Sub(s.failed).Abs() < retryInterval {
		return ingest.Salts{}, s.err
	}
	// The caller may go; the others need the salts.
	err := s.read(context.WithoutCancel(ctx), today)
	if salts, ok := s.known(today); ok {
		return salts, nil
	}
	if err == nil {
		err = errors.New("today's salt was not created")
	}
	s.err, s.failed = err, s.config.Now()
	return ingest.Salts{}, err
}

// retryInterval is how long a failure holds for further callers.
const retryInterval = time.Second

func (s *Salts) known(today calendar.Day) (ingest.Salts, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	current, ok := s.days[today]
	return ingest.Salts{Current: current, Previous: s.days[today-1]}, ok
}

// read replaces what is known, also by forgetting older days, unless today's salt cannot be read.
func (s *Salts) read(ctx context.Context, today calendar.Day) error {
	ctx, cancel := context.WithTimeout(ctx, saltsTimeout)
	defer cancel()
	days, err := s.config.Secrets.salts(ctx, today)
	if _, ok := days[today]; !ok {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.days = days
	return err
}

// saltsTimeout bounds reading the salts.
const saltsTimeout = 10 * time.Second

// forget removes salts of past days from memory.
func (s *Salts) forget(today calendar.Day) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for day := range s.days {
		if day < today-1 {
			delete(s.days, day)
		}
	}
}

// Run reads the salts once a minute until ctx ends.
func (s *Salts) Run(ctx context.Context) error {
	failing := false
	for range delay.Rounds(ctx, saltsInterval) {
		today := calendar.DayOf(s.config.Now().UTC())
		s.forget(today)
		s.reading.Lock()
		err := s.read(ctx, today)
		s.reading.Unlock()
		if err != nil && !failing && ctx.Err() == nil {
			s.config.Logger.Warn("the salts cannot be read; the last known ones are used until the end of the next day",
				"error", err)
		}
		failing = err != nil
	}
	return nil
}
