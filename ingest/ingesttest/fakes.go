// Package ingesttest has what tests of the ingestion share: sites, salts and a buffer in
// memory, and a runner of cases that are written as requests with their outcome.
package ingesttest

import (
	"context"
	"slices"
	"sync"

	"github.com/sluicehq/sluice/ingest"
)

// Sites are sites by domain.
type Sites map[string]*ingest.Site

// Site returns the site of a domain.
func (s Sites) Site(_ context.Context, domain string) (*ingest.Site, error) {
	if site, ok := s[domain]; ok {
		return site, nil
	}
	return nil, ingest.ErrNoSite
}

// Salts are salts that never change.
type Salts ingest.Salts

// Salts returns the salts.
func (s Salts) Salts(context.Context) (ingest.Salts, error) { return ingest.Salts(s), nil }

// Buffer keeps events in memory.
type Buffer struct {
	mu              sync.Mutex
	events, dropped []ingest.Event
	err             error
}

// Write keeps the events, or returns the error of Fail.
func (b *Buffer) Write(_ context.Context, buffered, dropped []ingest.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.events, b.dropped = append(b.events, buffered...), append(b.dropped, dropped...)
	return nil
}

// Fail makes Write return an error; nil makes it work again.
func (b *Buffer) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// Events returns the buffered events in the order in which they came.
func (b *Buffer) Events() []ingest.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// Dropped returns the dropped events in the order in which they came.
func (b *Buffer) Dropped() []ingest.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.dropped)
}

var (
	_ ingest.Sites      = Sites(nil)
	_ ingest.SaltSource = Salts{}
	_ ingest.Buffer     = (*Buffer)(nil)
)
