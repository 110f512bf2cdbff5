package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/faults"
)

// ErrNoSite says that there is no site with a domain.
var ErrNoSite = errors.New("no such site")

// Sites finds sites. Implementations answer from memory: the pipeline asks for each event.
type Sites interface {
	// Site returns the site of a domain or of a former domain, or ErrNoSite. The pipeline
	// does not change the site. Any other error fails the request, which can be retried.
	Site(ctx context.Context, domain string) (*Site, error)
}

// Limiter counts events.
type Limiter interface {
	// Allow counts one event of a key and reports whether there are at most limit of them
	// in the current window.
	Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, error)
}

// SaltSource knows the salts of visitors' IDs.
type SaltSource interface {
	// Salts returns the salts of today and of the day before.
	Salts(ctx context.Context) (Salts, error)
}

// Buffer keeps what becomes of events.
type Buffer interface {
	// Write returns nil once the event log has acknowledged all buffered events and the counts of all
	// dropped ones. After an error none, some or all of them may be in the log. At least one of the lists has an event.
	Write(ctx context.Context, buffered, dropped []Event) error
}

// Mode is what the pipeline does with traffic of programs.
type Mode string

// The modes.
const (
	// ModeDrop drops the event.
	ModeDrop Mode = "drop"
	// ModeTag buffers the event with the property TagProp.
	ModeTag Mode = "tag"
	// ModeOff does not look.
	ModeOff Mode = "off"
)

func (m Mode) validate(name string) error {
	switch m {
	case ModeDrop, ModeTag, ModeOff:
		return nil
	default:
		return fmt.Errorf("%s is %q, want drop, tag or off", name, m)
	}
}

// Config configures a pipeline.
type Config struct {
	// Sites, Limiter, Salts and Buffer are required.
	Sites   Sites
	Limiter Limiter
	Salts   SaltSource
	Buffer  Buffer
	// Data returns the newest reference data, as refdata.Store.Data does. Defaults to the
	// built-in data.
	Data func() *refdata.Data
	// Telemetry receives every buffered and dropped event. Defaults to none.
	Telemetry Telemetry
	// PartitionKey is the secret key of Event.Partition. Required. Changing it splits the
	// sessions of that moment.
	PartitionKey [16]byte

	// Bots is what is done with bots. Defaults to ModeDrop.
	Bots Mode
	// DataCentres is what is done with addresses in the lists of data centres. Defaults to
	// ModeOff, because the lists hold VPNs of people too. With ModeTag an address that a
	// trusted proxy calls dc_ip is tagged instead of dropped.
	DataCentres Mode
	// AllowIPs are networks that are neither bots nor data centres.
	AllowIPs []netip.Prefix
	// AllowASNs are autonomous systems that are no data centres.
	AllowASNs []uint32
	// AllowUserAgents are texts of user agents that are no bots.
	AllowUserAgents []string
	// VerificationAgent is the user agent of a program that verifies installations; its
	// events are dropped as verification_agent. "" means that there is none.
	VerificationAgent string

	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Validate returns every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Sites != nil, "sites: missing")
	f.Check(c.Limiter != nil, "limiter: missing")
	f.Check(c.Salts != nil, "salts: missing")
	f.Check(c.Buffer != nil, "buffer: missing")
	f.Check(c.PartitionKey != [16]byte{}, "partition key: missing")
	for _, text := range c.AllowUserAgents {
		f.Check(text != "", "allowed user agents: an empty text would allow all")
	}
	f.Add(c.Bots.validate("bots"), c.DataCentres.validate("data centres"))
	return f.Err()
}

// withDefaults returns the configuration with its defaults.
func (c Config) withDefaults() Config {
	c.Bots = cmp.Or(c.Bots, ModeDrop)
	c.DataCentres = cmp.Or(c.DataCentres, ModeOff)
	if c.Data == nil {
		builtin := refdata.Builtin()
		c.Data = func() *refdata.Data { return builtin }
	}
	if c.Telemetry == nil {
		c.Telemetry = noTelemetry{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Pipeline builds events. It is safe for concurrent use.
type Pipeline struct {
	config Config
	steps  []step
	agents *agents
}

// New returns a pipeline.
func New(c Config) (*Pipeline, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("new ingestion pipeline: %w", err)
	}
	return &Pipeline{config: c, steps: steps(), agents: newAgents()}, nil
}

// Result is what became of a request: one event for each domain, in their order, or why it was refused.
type Result struct {
	// Refused are the faults of a request that one of its sites refuses, nil for one that was taken. Nothing of a
	// refused request was buffered.
	Refused request.Errors
	// Buffered are in the event log.
	Buffered []Event
	// Dropped are not, each for its DropReason. Their counts are in the event log.
	Dropped []Event
}

// BuildAndBuffer builds an event for each domain of a request, and buffers or drops each of
// them. When it returns without an error, the event log has acknowledged the buffered ones and the
// counts of the dropped ones. After an error the request can be sent again; both may then be in the log already.
func (p *Pipeline) BuildAndBuffer(ctx context.Context, r request.Request) (Result, error) {
	results, err := p.BuildAndBufferAll(ctx, []request.Request{r})
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// BuildAndBufferAll does the same for several requests, in their order and with one write
// to the buffer. It returns a result for each of them.
func (p *Pipeline) BuildAndBufferAll(ctx context.Context, requests []request.Request) ([]Result, error) {
	run := run{pipeline: p, data: p.config.Data(), now: p.config.Now().UTC()}
	results := make([]Result, len(requests))
	var buffered, dropped []Event
	for i, r := range requests {
		var err error
		if results[i], err = run.build(ctx, r); err != nil {
			return nil, err
		}
		if len(requests) == 1 {
			buffered, dropped = results[i].Buffered, results[i].Dropped
		} else {
			buffered, dropped = append(buffered, results[i].Buffered...), append(dropped, results[i].Dropped...)
		}
	}
	if len(buffered)+len(dropped) > 0 {
		if err := p.config.Buffer.Write(ctx, buffered, dropped); err != nil {
			return nil, fmt.Errorf("buffer %d events and count %d dropped ones: %w", len(buffered), len(dropped), err)
		}
	}
	for _, result := range results {
		for _, e := range result.Buffered {
			p.EmitTelemetryBuffered(e)
		}
		for _, e := range result.Dropped {
			p.EmitTelemetryDropped(e, e.DropReason)
		}
	}
	return results, nil
}

// run is the work for one request or batch.
type run struct {
	pipeline *Pipeline
	data     *refdata.Data
	now      time.Time
	// observe is called after each step of an event. nil in production.
	observe func(step string, e *Event)
}

// observed calls the observer, if there is one.
func (r run) observed(step string, e *Event) {
	if r.observe != nil {
		r.observe(step, e)
	}
}

// stepSpamReferrer is the step that is the same for all domains of a request. The first one.
const stepSpamReferrer = "drop_spam_referrer"

// step changes an event or drops it. An error fails the request.
type step struct {
	name string
	do   func(r run, ctx context.Context, e *Event) error
}

// steps returns the steps in their order, which is upstream's.
func steps() []step {
	return []step{
		{"gate_keeper", run.gateKeeper},
		{"drop_verification_agent", run.dropVerificationAgent},
		{"drop_datacenter_ip", run.dropDataCentreIP},
		{"drop_threat_ip", run.dropThreatIP},
		{"drop_shield_rule_hostname", run.dropShieldHostname},
		{"drop_shield_rule_page", run.dropShieldPage},
		{"drop_shield_rule_ip", run.dropShieldIP},
		{"put_geolocation", run.putGeolocation},
		{"drop_shield_rule_country", run.dropShieldCountry},
		{"put_user_agent", run.putUserAgent},
		{"put_basic_info", run.putBasicInfo},
		{"put_source_info", run.putSourceInfo},
		{"maybe_infer_medium", run.inferMedium},
		{"put_channel", run.putChannel},
		{"put_props", run.putProps},
		{"put_revenue", run.putRevenue},
		{"put_salts", run.putSalts},
		{"put_user_id", run.putUserID},
		{"validate_clickhouse_event", run.validate},
	}
}

// build builds the events of a request.
func (r run) build(ctx context.Context, req request.Request) (Result, error) {
	refused, err := r.refuse(ctx, req)
	if err != nil || refused != nil {
		return Result{Refused: refused}, err
	}
	events, dropped := make([]Event, len(req.Domains)), 0
	spam := r.spamReferrer(req)
	for i, domain := range req.Domains {
		e := &events[i]
		e.Domain, e.Request = domain, req
		if spam {
			e.drop(DropSpamReferrer)
		}
		r.observed(stepSpamReferrer, e)
		if !e.Dropped {
			if err := r.walk(ctx, e); err != nil {
				return Result{}, fmt.Errorf("build an event of %s: %w", domain, err)
			}
		}
		e.redact()
		if e.Dropped {
			dropped++
		}
	}
	return resultOf(events, dropped), nil
}

// resultOf divides events, of which so many are dropped. Events are large: those of most requests are not copied.
func resultOf(events []Event, dropped int) Result {
	switch dropped {
	case 0:
		return Result{Buffered: events}
	case len(events):
		return Result{Dropped: events}
	}
	var result Result
	for i := range events {
		if events[i].Dropped {
			result.Dropped = append(result.Dropped, events[i])
		} else {
			result.Buffered = append(result.Buffered, events[i])
		}
	}
	return result
}

// walk takes an event through the steps until one drops it.
func (r run) walk(ctx context.Context, e *Event) error {
	for _, s := range r.pipeline.steps {
		if err := s.do(r, ctx, e); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.observed(s.name, e)
		if e.Dropped {
			return nil
		}
	}
	return nil
}
