package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client asks a sink in another process.
type Client struct {
	// URL is the sink's address, such as http://127.0.0.1:8080. Required.
	URL string
}

// Hook is where the jobs of a lane are posted to.
func (c Client) Hook(lane string) string { return c.URL + HookPath + lane }

// Reset clears the sink and sets its behaviour.
func (c Client) Reset(ctx context.Context, b Behaviour) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, resetPath, text, nil)
}

// Counts returns how many jobs have come since the last reset.
func (c Client) Counts(ctx context.Context) (n Counts, err error) {
	err = c.do(ctx, http.MethodGet, countsPath, nil, &n)
	return n, err
}

// Arrivals returns when each job came first, in no order.
func (c Client) Arrivals(ctx context.Context) (all []Arrival, err error) {
	err = c.do(ctx, http.MethodGet, arrivalsPath, nil, &all)
	return all, err
}

// lookEvery is how often a sink is asked, for waiting.
const lookEvery = 50 * time.Millisecond

// Wait waits until that many jobs have arrived, or the time has elapsed, and returns their number.
// Elapsed time is not an error.
func (c Client) Wait(ctx context.Context, jobs int, longest time.Duration) (Counts, error) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	over := time.NewTimer(longest)
	defer over.Stop()
	for {
		n, err := c.Counts(ctx)
		if err != nil || n.Jobs >= jobs {
			return n, err
		}
		select {
		case <-ticker.C:
		case <-over.C:
			return c.Counts(ctx)
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
	}
}

func (c Client) do(ctx context.Context, method, path string, body []byte, into any) (err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the sink: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the sink answered %s", response.Status)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(into)
}
