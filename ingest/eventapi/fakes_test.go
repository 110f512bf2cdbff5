package eventapi_test

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/request"
)

// failAfter is a pipeline that works a few times.
type failAfter struct {
	next        eventapi.Pipeline
	left, calls int
}

func (p *failAfter) BuildAndBufferAll(ctx context.Context, requests []request.Request) ([]ingest.Result, error) {
	p.calls++
	if p.left == 0 {
		return nil, errors.New("no longer")
	}
	p.left--
	return p.next.BuildAndBufferAll(ctx, requests)
}

// waiting is a pipeline that waits until it is released.
type waiting struct {
	next             eventapi.Pipeline
	started, release chan struct{}
}

func (p *waiting) BuildAndBufferAll(ctx context.Context, requests []request.Request) ([]ingest.Result, error) {
	close(p.started)
	<-p.release
	return p.next.BuildAndBufferAll(ctx, requests)
}
