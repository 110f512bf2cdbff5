package mailchimp_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/sync/mailchimp"
)

// blocks reads a window by calls of Pages, and returns the addresses in order, with the number of pages of each call.
func (b *bundle) blocks(t *testing.T, n int) (order []string, sizes []int) {
	t.Helper()
	var c mailchimp.Cursor
	for !c.Done {
		pages, err := b.Pages(t.Context(), fakemailchimp.List, day, c, n)
		require.NoError(t, err)
		require.NotEmpty(t, pages)
		require.LessOrEqual(t, len(pages), n)
		sizes = append(sizes, len(pages))
		for _, page := range pages {
			require.False(t, page.Changed)
			for _, m := range page.Members {
				order = append(order, m.Email)
			}
			c, err = stored(page.Next)
			require.NoError(t, err)
		}
	}
	return order, sizes
}

// Pages gives the pages and the cursors that Page gives, with fewer and simultaneous requests.
func TestPagesAreThoseOfPage(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{0, time.Second, time.Minute} {
		for _, size := range []int{1, 7, 100, 900} {
			t.Run(fmt.Sprint(gap, size), func(t *testing.T) {
				t.Parallel()
				var reads atomic.Int64
				b := setup(t, fakemailchimp.Config{Before: func(int) { reads.Add(1) }},
					mailchimp.Config{PageSize: size, Block: max(size, 300)})
				members := min(3000, 40*size)
				for i := range members {
					b.fill(i, 1, noon.Add(-6*time.Hour).Add(time.Duration(i%10)*gap))
				}
				want, err := b.all(t.Context(), day, mailchimp.Cursor{})
				require.NoError(t, err)
				one := reads.Swap(0)
				got, sizes := b.blocks(t, 32)
				require.Equal(t, want.order, got)
				if size < 900 {
					require.Less(t, reads.Load(), one)
					require.Less(t, len(sizes), want.pages)
				}
				require.LessOrEqual(t, b.fake.Peak(), 4)
				// Whatever the number of pages of a call, the cursors are the same.
				var c mailchimp.Cursor
				for !c.Done {
					page, err := b.Page(t.Context(), fakemailchimp.List, day, c)
					require.NoError(t, err)
					pages, err := b.Pages(t.Context(), fakemailchimp.List, day, c, 3)
					require.NoError(t, err)
					require.Equal(t, page, pages[0])
					c = page.Next
				}
			})
		}
	}
}

// A simultaneous request that fails is made again by the next call; the first one fails the call.
func TestPagesAfterAFault(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{PageSize: 10, Block: 20, SkipArchived: true})
	b.fill(0, 500, noon)
	b.fake.Inject(fakefault.Fault{Method: "members", Status: 503, Times: 2, Skip: 3})
	var c mailchimp.Cursor
	read, sizes := map[string]int{}, map[int]bool{}
	for !c.Done {
		pages, err := b.Pages(t.Context(), fakemailchimp.List, day, c, 8)
		if err != nil {
			require.Equal(t, mailchimp.ClassUnavailable, mailchimp.ClassOf(err))
			continue
		}
		sizes[len(pages)] = true
		for _, page := range pages {
			for _, m := range page.Members {
				read[m.Email]++
			}
			c = page.Next
		}
	}
	require.Len(t, read, 500)
	for email, times := range read {
		require.Equal(t, 1, times, email)
	}
	require.True(t, sizes[2], "the number of members is not known at first")
	require.True(t, sizes[8], "four requests of two pages")
	require.Equal(t, 0, b.fake.Over())
}

// An answer that is too large is requested in smaller parts, and the next ones are so from the start.
func TestPagesOfLargeMembers(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	b := setup(t, fakemailchimp.Config{Before: func(int) { reads.Add(1) }},
		mailchimp.Config{PageSize: 50, Block: 400, MaxBody: 200_000})
	for i := range 100 {
		b.fake.Put(fakemailchimp.Member{
			Email: email(i), LastChanged: noon, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 20_000)},
		})
	}
	order, _ := b.blocks(t, 8)
	require.Len(t, order, 100)
	require.Less(t, reads.Load(), int64(60))
	b = setup(t, fakemailchimp.Config{}, mailchimp.Config{MaxBody: 200_000})
	b.fake.Put(fakemailchimp.Member{
		Email: email(0), LastChanged: noon, MergeFields: map[string]any{"FNAME": strings.Repeat("x", 300_000)},
	})
	_, err := b.Pages(t.Context(), fakemailchimp.List, day, mailchimp.Cursor{}, 8)
	require.ErrorContains(t, err, "the response is too large: more than 200000 bytes")
}
