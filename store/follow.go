package store

import (
	"context"
	"fmt"
	"time"
)

// Followed is what Follow tells.
type Followed struct {
	// Heard is called with the payload of each notification, and with "" whenever some may
	// have been missed: when it begins to listen, at first and after each loss. Required.
	Heard func(payload string)
	// Lost is called when it cannot listen, with the reason. Required.
	Lost func(err error)
}

const (
	// reconnectWait is how long to wait before listening again.
	reconnectWait = 5 * time.Second
	// aliveInterval is how often a silent connection is asked whether it is still there.
	aliveInterval = 30 * time.Second
)

// Follow listens to a channel of PostgreSQL until ctx ends. Whoever follows polls as well,
// though seldom: behind some poolers nothing arrives, and nothing says so.
func (s *Store) Follow(ctx context.Context, channel string, f Followed) {
	for ctx.Err() == nil {
		if err := s.follow(ctx, channel, f.Heard); err != nil && ctx.Err() == nil {
			f.Lost(err)
		}
		timer := time.NewTimer(reconnectWait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *Store) follow(ctx context.Context, channel string, heard func(payload string)) (err error) {
	sub, err := s.Subscribe(ctx, channel)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := sub.Close(ctx); err == nil && cerr != nil {
			err = fmt.Errorf("end the subscription: %w", cerr)
		}
	}()
	heard("")
	for ctx.Err() == nil {
		waiting, cancel := context.WithTimeout(ctx, aliveInterval)
		payload, told, err := sub.Await(waiting)
		if err == nil && !told {
			_, err = sub.Now(ctx)
		}
		cancel()
		if err != nil {
			return err
		}
		if told {
			heard(payload)
		}
	}
	return nil
}
