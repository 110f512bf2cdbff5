package fakega4_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/polltest"
)

// ticker is a clock that tests set.
type ticker struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticker) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *ticker) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func TestTokensRunOut(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		quotas fakega4.Quotas
		says   string
		back   time.Time
	}{
		"hour":    {fakega4.Quotas{TokensPerHour: 3}, "Exhausted property tokens per hour", noon.Add(time.Hour)},
		"project": {fakega4.Quotas{TokensPerProjectPerHour: 3}, "Exhausted property tokens for a project per hour", noon.Add(time.Hour)},
		"day":     {fakega4.Quotas{TokensPerDay: 3}, "Exhausted property tokens per day", noon.Add(20 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &ticker{now: noon.Add(59 * time.Minute)}
			c := start(t, fakega4.Config{Quotas: tc.quotas, Now: clock.Now, TokenTTL: 100 * time.Hour})
			for range 3 {
				res := c.report(t, byDate("sessions"))
				require.Equal(t, int64(1), res.PropertyQuota.TokensPerDay.Consumed)
			}
			got := c.refused(t, byDate("sessions"))
			require.Equal(t, "RESOURCE_EXHAUSTED", got.Status)
			require.Contains(t, got.Message, tc.says)
			clock.set(tc.back.Add(-time.Second))
			require.Contains(t, c.refused(t, byDate("sessions")).Message, tc.says)
			clock.set(tc.back)
			require.NotEmpty(t, c.report(t, byDate("sessions")).Rows)
		})
	}
}

func TestQuotasAreReported(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	q := c.report(t, byDate("sessions")).PropertyQuota
	require.Equal(t, int64(199_999), q.TokensPerDay.Remaining)
	require.Equal(t, int64(39_999), q.TokensPerHour.Remaining)
	require.Equal(t, int64(13_999), q.TokensPerProjectPerHour.Remaining)
	require.Equal(t, int64(9), q.ConcurrentRequests.Remaining, "this one runs")
	require.Equal(t, int64(10), q.ServerErrorsPerProjectPerHour.Remaining)
	req := byDate("sessions")
	req.ReturnPropertyQuota = false
	require.Nil(t, c.report(t, req).PropertyQuota)
}

func TestServerErrorsAreCounted(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{Quotas: fakega4.Quotas{ServerErrorsPerProjectPerHour: 2}})
	c.Inject(fakega4.Fault{Method: "runReport", Status: 500, Times: 1}, fakega4.Fault{Status: 502, Times: 1})
	require.Equal(t, "INTERNAL", c.refused(t, byDate("sessions")).Status)
	require.Equal(t, "UNAVAILABLE", c.refused(t, byDate("sessions")).Status)
	left := c.report(t, byDate("sessions")).PropertyQuota.ServerErrorsPerProjectPerHour
	require.Equal(t, int64(1), left.Remaining, "502 comes from what stands before the API")
	c.Inject(fakega4.Fault{Status: 503, Times: 1})
	require.Equal(t, "UNAVAILABLE", c.refused(t, byDate("sessions")).Status)
	require.Equal(t, 429, c.refused(t, byDate("sessions")).Code)
}

func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{Days: 200, RowsPerDay: 50, Quotas: fakega4.Quotas{ConcurrentRequests: 1}})
	const calls = 6
	refused, faults := make([]bool, calls), make([]error, calls)
	for !anyOf(refused) {
		var group sync.WaitGroup
		for i := range calls {
			request := c.request(t, "POST", "/v1beta/"+c.Property()+":runReport", byDate("sessions"))
			group.Go(func() {
				var response *http.Response
				if response, faults[i] = http.DefaultClient.Do(request); faults[i] == nil {
					refused[i] = response.StatusCode == http.StatusTooManyRequests
					faults[i] = response.Body.Close()
				}
			})
		}
		group.Wait()
		require.NoError(t, errors.Join(faults...))
	}
	require.Equal(t, 1, c.MaxConcurrent())
	// A request ends at the server a moment after its client has the answer.
	polltest.Until(t, func(check *polltest.Check) {
		code, _, _ := c.call(t, http.MethodPost, "/v1beta/"+c.Property()+":runReport", byDate("sessions"))
		require.Equal(check, http.StatusOK, code, "there is room again")
	}, time.Minute, 10*time.Millisecond)
}

func anyOf(all []bool) bool {
	for _, b := range all {
		if b {
			return true
		}
	}
	return false
}
