package activities

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
)

// A lookout is the word of a load, where all can read it, that it looks for jobs again before
// it ends: whoever adds some need not tell the workflow of the action, which costs more than
// the jobs. The word is kept by looking once more after it was taken back. A load that dies
// is begun again by Temporal, and looks then.
type lookout struct {
	store *store.Store
	said  db.KeepLookoutParams
	// looked is when the load has looked for jobs last, in Unix nanoseconds.
	looked atomic.Int64
	quit   chan struct{}
	done   chan error
}

// lookoutLasts is for how long the word is given, lookoutEvery how often it is renewed. One
// that runs out does no harm: workflows are told in vain.
const (
	lookoutLasts = 2 * time.Second
	lookoutEvery = 500 * time.Millisecond
	// stuckAfter is after how long a load that has not looked relieves nobody.
	stuckAfter = time.Second
)

// lookOut gives the word, and renews it until end is called.
func (d *Destinations) lookOut(ctx context.Context, ref ActionRef) (*lookout, error) {
	id, err := store.NewID()
	if err != nil {
		return nil, err
	}
	l := &lookout{
		store: d.Store, quit: make(chan struct{}), done: make(chan error, 1),
		said: db.KeepLookoutParams{
			ID: id, Destination: ref.Destination, Action: ref.Action, Seconds: lookoutLasts.Seconds(),
		},
	}
	l.look()
	if err := l.say(ctx); err != nil {
		return nil, err
	}
	go func() { l.done <- l.renew(ctx) }()
	return l, nil
}

// look notes that the load looks for jobs.
func (l *lookout) look() {
	if l != nil {
		l.looked.Store(time.Now().UnixNano())
	}
}

func (l *lookout) say(ctx context.Context) error {
	said := l.said
	said.LookedSecondsAgo = time.Since(time.Unix(0, l.looked.Load())).Seconds()
	if err := l.store.KeepLookout(ctx, said); err != nil {
		return fmt.Errorf("say that jobs are looked for: %w", err)
	}
	return nil
}

// renew gives the word again and again. It returns the last error, for an operator.
func (l *lookout) renew(ctx context.Context) (last error) {
	ticker := time.NewTicker(lookoutEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := l.say(ctx); err != nil && ctx.Err() == nil {
				last = err
			}
		case <-l.quit:
			return last
		}
	}
}

// relieved says whether another load that was begun earlier is on the lookout, and not stuck.
func (l *lookout) relieved(ctx context.Context) (bool, error) {
	relieved, err := l.store.EarlierLookout(ctx, db.EarlierLookoutParams{
		Destination: l.said.Destination, Action: l.said.Action, ID: l.said.ID, WithinSeconds: stuckAfter.Seconds(),
	})
	if err != nil {
		return false, fmt.Errorf("see whether others look for jobs: %w", err)
	}
	return relieved, nil
}

// end takes the word back. After an error the load must fail, so that it is begun again and
// looks then.
func (l *lookout) end(ctx context.Context) error {
	close(l.quit)
	renewing := <-l.done
	if err := l.store.EndLookout(ctx, l.said.ID); err != nil {
		return errors.Join(fmt.Errorf("say that jobs are not looked for any more: %w", err), renewing)
	}
	return nil
}
