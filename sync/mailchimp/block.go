package mailchimp

import (
	"context"
	"errors"
	"sync"
)

const (
	// DefaultBlock is the default of Config.Block: a larger answer takes Mailchimp disproportionately long.
	DefaultBlock = 500
	// maxConcurrent is the number of simultaneous requests of a call of Pages.
	maxConcurrent = 4
	// maxBlockBytes is the size of the answers of a call of Pages, as far as the size of a member is known.
	maxBlockBytes = 8 << 20
)

// Pages returns the page at a cursor and those that follow it, at least one and at most n, as calls of Page one
// after the other would. Several pages come from one answer, and several answers are requested at the same time:
// they are used as far as each begins with the last member of the one before, as a request that follows it does.
func (r *Reader) Pages(ctx context.Context, list string, w Window, c Cursor, n int) ([]Page, error) {
	for _, err := range []error{checkList(opRead, list), w.check(), c.check()} {
		if err != nil {
			return nil, err
		}
	}
	if c.Done {
		return []Page{{Next: c}}, nil
	}
	at := max(0, c.Offset-1)
	a, err := r.block(ctx, list, w, c, n)
	if err != nil {
		return nil, err
	}
	placed := c.placed(at, a)
	if !placed {
		// Members before the cursor have left: look further back.
		back := min(max(r.cfg.PageSize, minBack), maxBack)
		at = max(0, min(c.Offset, a.total)-back)
		if a, err = r.fit(ctx, list, w, c, at, back+r.cfg.PageSize+1); err != nil {
			return nil, err
		}
		if !c.placed(at, a) {
			return nil, &ChangedError{Resume: Cursor{Archived: c.Archived, Second: c.Second}}
		}
	}
	if err := r.confirmEmpty(ctx, list, w, c, a); err != nil {
		return nil, err
	}
	if !placed {
		return []Page{r.page(c, at, a)}, nil
	}
	return r.split(c, at, a), nil
}

// split makes pages of an answer at an offset: those that requests of one page each would give.
func (r *Reader) split(c Cursor, at int, a answer) []Page {
	var pages []Page
	for {
		size := min(len(a.items), r.cfg.PageSize+min(1, len(c.Trail)))
		p := r.page(c, at, answer{items: a.items[:size], total: a.total})
		pages = append(pages, p)
		if size == len(a.items) {
			return pages
		}
		// The next page begins with the last member of this one.
		c, at, a = p.Next, p.Next.Offset-1, answer{items: a.items[size-1:], total: p.Next.Total}
	}
}

// plan is the requests for at most n pages from a cursor: their number, and the members of each, without the one
// that overlaps with the request before.
func (r *Reader) plan(c Cursor, n int) (requests, members int) {
	page, n := r.cfg.PageSize, max(1, n)
	if size := r.memberBytes.Load(); size > 0 {
		fits := max(1, int(min(maxBlockBytes, r.cfg.MaxBody/2)/size))
		if fits < page {
			return 1, fits
		}
		n = min(n, fits/page)
	}
	each := min(n, max(1, r.cfg.Block/page))
	// Without a page before, the number of members is unknown.
	left := (c.Total - c.Offset + page - 1) / page
	n = max(each, min(n, left))
	requests = min(maxConcurrent, (n+each-1)/each)
	return requests, min(each, n/requests) * page
}

// block returns the answer of one request from a cursor, or of several that fit together.
func (r *Reader) block(ctx context.Context, list string, w Window, c Cursor, n int) (answer, error) {
	requests, members := r.plan(c, n)
	at, overlap := max(0, c.Offset-1), min(1, len(c.Trail))
	if requests > 1 {
		members = min(members, MaxPageSize-1)
	}
	answers, errs := make([]answer, requests), make([]error, requests)
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() { answers[i], errs[i] = r.fit(ctx, list, w, c, at+i*members, members+overlap) })
	}
	all.Wait()
	if errs[0] != nil {
		return answer{}, errs[0]
	}
	a := answers[0]
	for i := 1; i < requests; i++ {
		// The next call reads again what failed or does not fit.
		if errs[i] != nil || !a.joins(answers[i]) {
			break
		}
		a.items = append(a.items, answers[i].items[1:]...)
	}
	return a, nil //nolint:nilerr // see above
}

// joins reports whether an answer begins with the last member of this one.
func (a answer) joins(next answer) bool {
	return a.total == next.total && len(a.items) > 0 && len(next.items) > 0 &&
		a.items[len(a.items)-1].mark == next.items[0].mark
}

// fit requests members at an offset, and fewer of them if they are too large.
func (r *Reader) fit(ctx context.Context, list string, w Window, c Cursor, at, count int) (answer, error) {
	for {
		a, err := r.fetch(ctx, list, w, c, at, count)
		if !errors.Is(err, errTooLarge) || count <= 2 {
			return a, err
		}
		r.memberBytes.Store(r.cfg.MaxBody / int64(count))
		count = (count + 1) / 2
	}
}
