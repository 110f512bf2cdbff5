package apibench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/openloop"
	"github.com/sluicehq/sluice/server/api"
)

const (
	// goalMemory is the memory that the server needs for all subscribers, in MiB, and goalDelay the time until each of
	// them has an event, in milliseconds.
	goalMemory = 100
	goalDelay  = 1000
	// changes is how many changes the subscribers receive, one after the other.
	changes = 5
	// subscribersPatience bounds the time until all subscribers have something.
	subscribersPatience = time.Minute
)

// subscription is a stream of all imports.
type subscription struct {
	conn net.Conn
	// opened is closed when the stream has begun, and events has the time at which each event has arrived.
	opened chan struct{}
	events chan time.Time
	failed chan error
}

// subscribe opens a stream.
func (b *bench) subscribe(ctx context.Context) (*subscription, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.address)
	if err != nil {
		return nil, fmt.Errorf("open a stream: %w", err)
	}
	_, err = fmt.Fprintf(conn, "GET %s/imports/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		api.Prefix, b.address, b.token)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a stream: %w", err), conn.Close())
	}
	s := &subscription{
		conn: conn, opened: make(chan struct{}), events: make(chan time.Time, changes), failed: make(chan error, 1),
	}
	go func() { s.failed <- s.follow() }()
	return s, nil
}

// follow reads the stream until it ends.
func (s *subscription) follow() error {
	lines, open := bufio.NewReaderSize(s.conn, 1<<10), false
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "HTTP/1.1 ") && !strings.Contains(line, " 200 "):
			return fmt.Errorf("the server answered %s", strings.TrimSpace(line))
		case strings.HasPrefix(line, "id: ") && !open:
			open = true
			close(s.opened)
		case strings.HasPrefix(line, "event: import"):
			s.events <- time.Now()
		}
	}
}

// next returns when the next event has arrived.
func (s *subscription) next(ctx context.Context) (time.Time, error) {
	select {
	case at := <-s.events:
		return at, nil
	case err := <-s.failed:
		return time.Time{}, fmt.Errorf("a subscriber has lost its stream: %w", err)
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("a subscriber has no event: %w", context.Cause(ctx))
	}
}

func (b *bench) subscribers(ctx context.Context, r *figures.Report) error {
	if err := b.say("%d subscribers", b.cfg.Subscribers); err != nil {
		return err
	}
	before, err := b.server.ResidentMiB()
	if err != nil {
		return err
	}
	var all []*subscription
	var closing sync.Once
	closeAll := func() (err error) {
		closing.Do(func() {
			for _, s := range all {
				err = errors.Join(err, s.conn.Close())
			}
		})
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	waiting, cancel := context.WithTimeout(ctx, subscribersPatience)
	defer cancel()
	for range b.cfg.Subscribers {
		s, err := b.subscribe(waiting)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	for _, s := range all {
		select {
		case <-s.opened:
		case err := <-s.failed:
			return fmt.Errorf("a stream has not begun: %w", err)
		case <-waiting.Done():
			return errors.New("not all streams have begun in time")
		}
	}
	var slowest time.Duration
	for range changes {
		delay, err := b.changeOnce(ctx, all)
		if err != nil {
			return err
		}
		slowest = max(slowest, delay)
	}
	with, err := b.server.ResidentMiB()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d subscribers", b.cfg.Subscribers)
	r.Add(figures.Line{
		Case: CaseSubscribers, Figure: "memory for " + name, Unit: figures.Mebibytes, Value: with - before,
	}.ValueAtMost(goalMemory))
	total := figures.Line{
		Case: CaseSubscribers, Figure: "memory of the server and its event log", Unit: figures.Mebibytes, Value: with,
	}
	total.Compare("before", before, with/before)
	r.Add(total)
	r.Add(figures.Line{
		Case: CaseSubscribers, Figure: "an event at all of them, the slowest", Unit: figures.Milliseconds,
		Value: openloop.Milliseconds(slowest),
	}.ValueAtMost(goalDelay))
	return closeAll()
}

// changeOnce changes an import and returns the time until the last subscriber has the event.
func (b *bench) changeOnce(ctx context.Context, all []*subscription) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, subscribersPatience)
	defer cancel()
	begun := time.Now()
	if _, err := b.sql.Exec(ctx, "UPDATE imports SET rate = rate + 1 WHERE id = $1", b.firstImport); err != nil {
		return 0, fmt.Errorf("change an import: %w", err)
	}
	var last time.Duration
	for _, s := range all {
		at, err := s.next(ctx)
		if err != nil {
			return 0, err
		}
		last = max(last, at.Sub(begun))
	}
	return last, nil
}
