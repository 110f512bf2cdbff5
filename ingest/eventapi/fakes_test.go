package eventapi_test

import (
	"context"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/request"
)

// authorise knows the senders "secret" of the site 1 and "other" of the site 2, and "away" fails.
func authorise(r *http.Request) (*eventapi.Sender, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer secret":
		return &eventapi.Sender{ID: "shop", SiteID: 1}, nil
	case "Bearer other":
		return &eventapi.Sender{ID: "other", SiteID: 2}, nil
	case "Bearer away":
		return nil, errors.New("the store is away")
	default:
		return nil, nil
	}
}

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

// panicking is a pipeline with a fault.
type panicking struct{ next eventapi.Pipeline }

func (p *panicking) BuildAndBufferAll(ctx context.Context, requests []request.Request) ([]ingest.Result, error) {
	if requests[0].EventName == "panic" {
		panic("a fault")
	}
	return p.next.BuildAndBufferAll(ctx, requests)
}

// hanging is a pipeline whose log does not answer.
type hanging struct{}

func (hanging) BuildAndBufferAll(ctx context.Context, _ []request.Request) ([]ingest.Result, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
