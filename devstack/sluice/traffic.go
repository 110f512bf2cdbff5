package sluice

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	devstack "github.com/sluicehq/sluice/devstack/app"
)

const (
	// senders is how many requests are under way at most.
	senders = 64
	// sendTimeout bounds a request: the server waits for its event log, by default for 5 s.
	sendTimeout = time.Minute
	// pace is how often due events are sent.
	pace = 10 * time.Millisecond
)

// totals are what became of events.
type totals struct {
	sent, accepted, failed int
	// late are events that were due while all senders were busy, and were not sent.
	late    int
	dropped map[string]int
	took    []time.Duration
}

// p99 returns the time that 99 of 100 answers took at most, from when the event was due.
func (t *totals) p99() time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	slices.Sort(t.took)
	return t.took[(len(t.took)-1)*99/100]
}

// line describes the totals.
func (t *totals) line() string {
	drops := 0
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(t.dropped)) {
		drops += t.dropped[reason]
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, t.dropped[reason]))
	}
	text := fmt.Sprintf("sent %d  accepted %d  dropped %d", t.sent, t.accepted, drops)
	if drops > 0 {
		text += " (" + strings.Join(reasons, ", ") + ")"
	}
	text += fmt.Sprintf("  failed %d  p99 %s", t.failed, t.p99().Round(100*time.Microsecond))
	if t.late > 0 {
		text += fmt.Sprintf("  not sent in time %d", t.late)
	}
	return text
}

// add adds others.
func (t *totals) add(o *totals) {
	t.sent, t.accepted, t.failed, t.late = t.sent+o.sent, t.accepted+o.accepted, t.failed+o.failed, t.late+o.late
	for reason, n := range o.dropped {
		t.dropped[reason] += n
	}
	t.took = append(t.took, o.took...)
}

// maxTook bounds the times that are kept for the p99 of all.
const maxTook = 2_000_000

func newTotals() *totals { return &totals{dropped: map[string]int{}} }

// due is an event with the time at which it is to be sent.
type due struct {
	hit
	at time.Time
}

// sender sends events and counts what became of them.
type sender struct {
	client *http.Client
	url    string

	mu     sync.Mutex
	second *totals
}

// traffic sends the events of visitors until ctx ends or the duration has ended, and prints a line a second.
func traffic(ctx context.Context, t devstack.Traffic, stdout io.Writer) error {
	_, err := sendTraffic(ctx, t, stdout)
	return err
}

func sendTraffic(ctx context.Context, t devstack.Traffic, stdout io.Writer) (*totals, error) {
	at, err := url.Parse(t.URL)
	if err != nil || at.Host == "" {
		return nil, fmt.Errorf("the server's URL: want something like http://127.0.0.1:18000")
	}
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	defer transport.CloseIdleConnections()
	s := &sender{
		client: &http.Client{Transport: transport, Timeout: sendTimeout}, url: at.JoinPath("api", "event").String(),
		second: newTotals(),
	}
	people := newVisitors(t.Site, t.Seed)
	// The first event tells whether the site is known.
	if err := s.first(ctx, people.next(), t.Site); err != nil {
		return nil, err
	}
	queue := make(chan due, senders)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for event := range queue {
				// An event that was begun is finished, so that the totals are complete.
				s.send(context.WithoutCancel(ctx), event)
			}
		})
	}
	all := newTotals()
	err = s.run(ctx, t, people, queue, all, stdout)
	close(queue)
	sending.Wait()
	all.add(s.take())
	if _, werr := fmt.Fprintf(stdout, "total     %s\n", all.line()); err == nil {
		err = werr
	}
	return all, err
}

// first sends one event and returns an error that says what is missing.
func (s *sender) first(ctx context.Context, h hit, site string) error {
	status, reason, err := s.post(ctx, h)
	switch {
	case err != nil:
		return fmt.Errorf("reach the server: %w\nIs it running? Start it on this machine with `sluice-dev up`", err)
	case reason == "not_found":
		return fmt.Errorf("the server knows no site %s: add it with `sluice site add %s`", site, site)
	case status != http.StatusAccepted:
		return fmt.Errorf("the server answered %d %s", status, http.StatusText(status))
	}
	s.count(status, reason, nil, 0)
	return nil
}

// run makes events due at the rate.
func (s *sender) run(
	ctx context.Context, t devstack.Traffic, people *visitors, queue chan<- due, all *totals, stdout io.Writer,
) error {
	if t.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.Duration)
		defer cancel()
	}
	tick, report := time.NewTicker(pace), time.NewTicker(time.Second)
	defer tick.Stop()
	defer report.Stop()
	begun, made := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-report.C:
			second := s.take()
			if _, err := fmt.Fprintf(stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), second.line()); err != nil {
				return fmt.Errorf("write to terminal: %w", err)
			}
			all.add(second)
			if len(all.took) > maxTook {
				all.took = all.took[len(all.took)-maxTook/2:]
			}
		case <-tick.C:
			for want := int(time.Since(begun).Seconds() * float64(t.Rate)); made < want; made++ {
				event := due{people.next(), begun.Add(time.Duration(float64(made) / float64(t.Rate) * float64(time.Second)))}
				select {
				case queue <- event:
				default:
					s.late()
				}
			}
		}
	}
}

func (s *sender) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.second.late++
}

// take returns the totals since the last call.
func (s *sender) take() *totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	second := s.second
	s.second = newTotals()
	return second
}

func (s *sender) send(ctx context.Context, event due) {
	status, reason, err := s.post(ctx, event.hit)
	s.count(status, reason, err, time.Since(event.at))
}

// count counts an answer. Took is 0 for one that is not measured.
func (s *sender) count(status int, reason string, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.second.sent++
	switch {
	case err != nil || status != http.StatusAccepted:
		s.second.failed++
	case reason != "":
		s.second.dropped[reason]++
	default:
		s.second.accepted++
	}
	if took > 0 {
		s.second.took = append(s.second.took, took)
	}
}

// post sends an event, and returns the status and the drop reason, or "".
func (s *sender) post(ctx context.Context, h hit) (status int, reason string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(h.body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("User-Agent", h.agent)
	request.Header.Set("X-Forwarded-For", h.ip)
	request.Header.Set("Content-Type", "text/plain")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if cerr := response.Body.Close(); err == nil {
		err = cerr
	}
	_, reason, _ = strings.Cut(response.Header.Get("X-Sluice-Dropped"), "=")
	return response.StatusCode, reason, err
}
