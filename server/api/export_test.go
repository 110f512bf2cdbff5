package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// OpenAPI returns the document.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// Sweep deletes what has expired.
var Sweep = (*API).sweep

// ProblemOf is problemOf.
var ProblemOf = problemOf

// ProblemURIs returns the types of problems with their statuses.
func ProblemURIs() map[string]int {
	all := map[string]int{}
	for _, t := range problemTypes() {
		all[t.uri()] = t.status
	}
	return all
}

// Limits that tests reach.
const (
	MaxRequests = maxRequests
	DefaultBody = defaultBody
	MaxWaiting  = maxWaiting
	MaxLag      = maxLag
)

// SetClock replaces the clock of the feed, before it has subscribers.
func (a *API) SetClock(clock func() time.Time) {
	a.feed.mu.Lock()
	defer a.feed.mu.Unlock()
	a.feed.clock = clock
}
