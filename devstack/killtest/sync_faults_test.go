package killtest_test

import (
	"context"
	"math/rand/v2"
	"time"

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

// fail makes calls of both systems fail, one at a time, until ctx ends.
func (s *synced) fail(ctx context.Context, rng *rand.Rand) error {
	for delay.Wait(ctx, time.Duration(300+rng.IntN(900))*time.Millisecond) == nil {
		one := mailchimpFaults[rng.IntN(len(mailchimpFaults))]
		one.Times, one.Skip = 1, rng.IntN(5)
		s.mailchimp.Inject(one)
		two := ometriaFaults[rng.IntN(len(ometriaFaults))]
		two.Method, two.Times, two.Skip = "push", 1, rng.IntN(5)
		s.ometria.Inject(two)
	}
	return nil
}
