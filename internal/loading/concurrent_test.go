package loading_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

// attempt makes one attempt beside others. It may fail, but only because it was
// cancelled or overtaken.
func (f *fixture) attempt(ctx context.Context) error {
	part, open, err := f.Store.ClaimPart(ctx, f.imp.ID, 0, 0)
	if err == nil && open {
		_, err = f.Load(ctx, f.job(part))
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, store.ErrFenced) {
		return nil
	}
	return err
}

// Two attempts at a part at the same time: the later one wins, the other stops, and
// no row is lost or doubled.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		f := b.part(t, newSource())
		first, second := f.claim(t), f.claim(t)
		errs := make([]error, 2)
		var both sync.WaitGroup
		both.Go(func() { _, errs[0] = f.Load(b.ctx, f.job(first)) })
		both.Go(func() { _, errs[1] = f.Load(b.ctx, f.job(second)) })
		both.Wait()
		require.ErrorIs(t, errs[0], store.ErrFenced)
		require.NoError(t, errs[1])
		f.requireLoaded(t)
	}
}

// Attempts come and go: three at a time begin when they like and are cancelled
// wherever they stand. However they meet, a last one ends with every row once.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const seed = 42
	random := rand.New(rand.NewPCG(seed, seed))
	for range 4 {
		f := b.part(t, newSource())
		for range 3 {
			var all sync.WaitGroup
			errs := make([]error, 3)
			for i := range errs {
				ctx, cancel := context.WithCancel(b.ctx)
				g := *f
				g.source = newSource()
				// It dies at a chunk of its own, or not at all.
				dies := random.IntN(2 * f.source.chunks())
				read := 0
				g.source.next = func(context.Context, int) error {
					read++
					if read > dies {
						cancel()
					}
					return nil
				}
				all.Go(func() {
					defer cancel()
					errs[i] = g.attempt(ctx)
				})
			}
			all.Wait()
			require.NoError(t, errors.Join(errs...))
		}
		require.NoError(t, f.attempt(b.ctx))
		f.requireLoaded(t)
	}
}
