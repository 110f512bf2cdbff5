package killtest_test

import (
	"context"
	"math/rand/v2"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/fakefault"
)

// mailchimpFaults and ometriaFaults are the failures of calls.
var (
	mailchimpFaults = []fakefault.Fault{
		{Status: 429, Type: "application/problem+json", Body: `{"title": "Too Many Requests", "status": 429}`},
		{Status: 403},
		{Status: 500},
		{Status: 503, RetryAfter: 1},
		{Status: 200, Type: "application/json", Body: `{"members": [], "total_items": 7}`},
		{Drop: true},
		{Cut: true},
		{Hang: true, HangSeconds: 2},
	}
	ometriaFaults = []fakefault.Fault{
		{Status: 429, RetryAfter: 1},
		{Status: 500, Apply: true},
		{Status: 502},
		{Status: 503},
		{Status: 200, Type: "application/json", Body: `{"status": "OK", "accepted": 1}`},
		{Drop: true, Apply: true},
		{Drop: true},
		{Cut: true},
		{Hang: true, HangSeconds: 2, Apply: true},
	}
)

// fail makes one call in about twenty fail in both systems, until ctx ends.
func (s *synced) fail(ctx context.Context, rng *rand.Rand) error {
	var nextRead, nextPush int
	for delay.Wait(ctx, tryEvery) == nil {
		if calls := s.mailchimp.Calls("members"); calls >= nextRead {
			one := mailchimpFaults[rng.IntN(len(mailchimpFaults))]
			one.Times, one.Skip = 1, 5+rng.IntN(30)
			s.mailchimp.Inject(one)
			nextRead = calls + one.Skip + 1
		}
		if calls := s.ometria.Calls("push"); calls >= nextPush {
			one := ometriaFaults[rng.IntN(len(ometriaFaults))]
			one.Method, one.Times, one.Skip = "push", 1, 5+rng.IntN(30)
			s.ometria.Inject(one)
			nextPush = calls + one.Skip + 1
		}
	}
	return nil
}
