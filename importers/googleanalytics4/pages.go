package googleanalytics4

import (
	"context"
	"errors"
	"sync"

	"github.com/sluicehq/sluice/importers"
)

// pages requests a report's pages, one ahead of the reader.
type pages struct {
	client     *client
	report     *report
	start, end string
	// life is the reader's context, which Close ends. stop cancels the running request, done waits
	// for it.
	life context.Context
	stop context.CancelFunc
	done sync.WaitGroup
	// ahead receives the prefetched page; nil if there is none.
	ahead  chan page
	offset int64
}

// page is a response or an error.
type page struct {
	answer   *response
	warnings []string
	err      error
}

var errColumns = importers.Permanent(importers.ClassInternal,
	errors.New("google's response does not have the requested columns"))

// prefetch requests the page at the offset.
func (p *pages) prefetch(offset int64) {
	arrives := make(chan page, 1)
	p.ahead, p.offset = arrives, offset
	p.done.Go(func() {
		req := p.report.request(p.start, p.end, offset, int64(p.client.cfg.PageRows))
		answer, warnings, err := p.client.run(p.life, req)
		if err == nil && !answer.matches(p.report) {
			err = errColumns
		}
		arrives <- page{answer: answer, warnings: warnings, err: err}
	})
}

// get returns the page at the offset, and prefetches the next one.
func (p *pages) get(ctx context.Context, offset int64) (page, error) {
	if p.ahead == nil || p.offset != offset {
		p.prefetch(offset)
	}
	select {
	case got := <-p.ahead:
		p.ahead = nil
		if got.err != nil {
			return page{}, got.err
		}
		if next := offset + int64(len(got.answer.Rows)); next > offset && next < got.answer.RowCount {
			p.prefetch(next)
		}
		return got, nil
	case <-ctx.Done():
		return page{}, ctx.Err()
	}
}

// close cancels the running request.
func (p *pages) close() {
	p.stop()
	p.done.Wait()
}
