package fakega4

import (
	"cmp"
	"net/http"
	"sync"
	"time"
)

// Quotas are limits of a property. See
// https://developers.google.com/analytics/devguides/reporting/data/v1/quotas.
type Quotas struct {
	// TokensPerDay defaults to 200,000. It is reset at midnight Pacific time.
	TokensPerDay int64
	// TokensPerHour defaults to 40,000, TokensPerProjectPerHour to 14,000.
	TokensPerHour, TokensPerProjectPerHour int64
	// ConcurrentRequests defaults to 10.
	ConcurrentRequests int64
	// ServerErrorsPerProjectPerHour is how many answers may be 500 or 503. Defaults to 10.
	ServerErrorsPerProjectPerHour int64
}

func (q Quotas) withDefaults() Quotas {
	return Quotas{
		TokensPerDay: cmp.Or(q.TokensPerDay, 200_000), TokensPerHour: cmp.Or(q.TokensPerHour, 40_000),
		TokensPerProjectPerHour:       cmp.Or(q.TokensPerProjectPerHour, 14_000),
		ConcurrentRequests:            cmp.Or(q.ConcurrentRequests, 10),
		ServerErrorsPerProjectPerHour: cmp.Or(q.ServerErrorsPerProjectPerHour, 10),
	}
}

// quotas count what properties use.
type quotas struct {
	limits Quotas
	now    func() time.Time

	mu   sync.Mutex
	used map[string]*usage
}

// usage is what a property has used of its quotas, since their last reset.
type usage struct {
	day, hour                     time.Time
	perDay, perHour, perProject   int64
	active, mostActive, badAnswer int64
}

// of returns a property's usage after the resets that are due. The caller holds mu.
func (q *quotas) of(property string) *usage {
	u := q.used[property]
	if u == nil {
		u = &usage{}
		q.used[property] = u
	}
	now := q.now()
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		pacific = time.FixedZone("PST", -8*60*60)
	}
	year, month, date := now.In(pacific).Date()
	if day := time.Date(year, month, date, 0, 0, 0, 0, pacific); !day.Equal(u.day) {
		u.day, u.perDay = day, 0
	}
	if hour := now.Truncate(time.Hour); !hour.Equal(u.hour) {
		u.hour, u.perHour, u.perProject, u.badAnswer = hour, 0, 0, 0
	}
	return u
}

// enter admits a request, or returns the exhausted quota. The caller calls leave.
func (q *quotas) enter(property string) *rpcError {
	q.mu.Lock()
	defer q.mu.Unlock()
	u, tell := q.of(property), func(format string) *rpcError { return fail(http.StatusTooManyRequests, "%s", format) }
	const more = " To learn more, see https://developers.google.com/analytics/devguides/reporting/data/v1/quotas"
	switch {
	case u.active >= q.limits.ConcurrentRequests:
		return tell("Exhausted concurrent requests quota. Please send fewer requests concurrently." + more)
	case u.perDay >= q.limits.TokensPerDay:
		return tell("Exhausted property tokens per day. These quota tokens will return in under 24 hours." + more)
	case u.perHour >= q.limits.TokensPerHour:
		return tell("Exhausted property tokens per hour. These quota tokens will return in under an hour." + more)
	case u.perProject >= q.limits.TokensPerProjectPerHour:
		return tell("Exhausted property tokens for a project per hour. These quota tokens will return in under an " +
			"hour." + more)
	case u.badAnswer >= q.limits.ServerErrorsPerProjectPerHour:
		return tell("Exhausted server errors per project per hour. Requests are allowed again in under an hour." + more)
	}
	u.active++
	u.mostActive = max(u.mostActive, u.active)
	return nil
}

func (q *quotas) leave(property string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.of(property).active--
}

// noteStatus counts server errors, also those that faults make.
func (s *Server) noteStatus(property string, code int) {
	if code != http.StatusInternalServerError && code != http.StatusServiceUnavailable {
		return
	}
	s.quotas.mu.Lock()
	defer s.quotas.mu.Unlock()
	s.quotas.of(property).badAnswer++
}

// charge takes tokens for a request and returns the answer's propertyQuota.
func (q *quotas) charge(property string, tokens int64) map[string]quotaStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.of(property)
	u.perDay += tokens
	u.perHour += tokens
	u.perProject += tokens
	left := func(limit, used int64) int64 { return max(limit-used, 0) }
	return map[string]quotaStatus{
		"tokensPerDay":                          {tokens, left(q.limits.TokensPerDay, u.perDay)},
		"tokensPerHour":                         {tokens, left(q.limits.TokensPerHour, u.perHour)},
		"tokensPerProjectPerHour":               {tokens, left(q.limits.TokensPerProjectPerHour, u.perProject)},
		"concurrentRequests":                    {0, left(q.limits.ConcurrentRequests, u.active)},
		"serverErrorsPerProjectPerHour":         {0, left(q.limits.ServerErrorsPerProjectPerHour, u.badAnswer)},
		"potentiallyThresholdedRequestsPerHour": {0, 120},
	}
}

// quotaStatus is in an answer without what is 0, as protocol buffers are in JSON.
type quotaStatus struct {
	Consumed  int64 `json:"consumed,omitempty"`
	Remaining int64 `json:"remaining,omitempty"`
}

// Exhaust uses a quota of the property with data up until its next reset: "tokensPerDay",
// "tokensPerHour", "tokensPerProjectPerHour" or "serverErrorsPerProjectPerHour". It says
// whether there is such a quota.
func (s *Server) Exhaust(quota string) bool {
	q := &s.quotas
	q.mu.Lock()
	defer q.mu.Unlock()
	u := q.of(DefaultProperty)
	switch quota {
	case "tokensPerDay":
		u.perDay = q.limits.TokensPerDay
	case "tokensPerHour":
		u.perHour = q.limits.TokensPerHour
	case "tokensPerProjectPerHour":
		u.perProject = q.limits.TokensPerProjectPerHour
	case "serverErrorsPerProjectPerHour":
		u.badAnswer = q.limits.ServerErrorsPerProjectPerHour
	default:
		return false
	}
	return true
}

// MaxConcurrent returns how many requests for reports of the property with data there
// have been at once, at most.
func (s *Server) MaxConcurrent() int {
	s.quotas.mu.Lock()
	defer s.quotas.mu.Unlock()
	return int(s.quotas.of(DefaultProperty).mostActive)
}
