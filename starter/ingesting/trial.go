package ingesting

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

// Trials shows what would become of an event, with the pipeline of the servers. It writes nothing: no event is stored,
// no rate limit counts and no counter changes. It is safe for concurrent use.
type Trials struct {
	// Pipeline has what the servers do with traffic of programs. Its sites, data, salts, limiter, buffer and key are not
	// used. Required.
	Pipeline ingest.Config
	// Sites finds the sites. Required.
	Sites ingest.Sites
	// Data are the reference data. Required.
	Data *refdata.Store
	// Scope limits the sites: an event of another one is dropped as not_found, as if there were none.
	Scope access.Scope
}

// TriedRequest is what would become of a request. Fields are only ever added.
type TriedRequest struct {
	// Status is that of the server's answer: 202 or 400.
	Status int `json:"status" enum:"202,400"`
	// Errors are the faults of a request that is refused with 400, by field.
	Errors request.Errors `json:"errors,omitempty"`
	// Address is that of the visitor, "" if it is not known.
	Address string `json:"address"`
	// Events has one event for each domain.
	Events []TriedEvent `json:"events"`
	// Missing are the reference data that a server with the same folder would miss too.
	Missing []string `json:"missing_data"`
}

// Verdicts about an event.
const (
	VerdictStored  = "stored"
	VerdictDropped = "dropped"
)

// TriedEvent is what would become of the event of one domain. Fields are only ever added.
type TriedEvent struct {
	// Domain is the one that was sent, and Site the site that has it, if there is one.
	Domain  string              `json:"domain"`
	Site    string              `json:"site,omitempty"`
	Verdict string              `json:"verdict" enum:"stored,dropped"`
	Reason  ingest.DropReason   `json:"reason,omitempty"`
	Tags    []ingest.DropReason `json:"tags,omitempty"`
	// Faults are those of an event that is dropped as invalid, by column.
	Faults map[string]string `json:"faults,omitempty"`
	// Steps are the steps in their order, up to the one that drops the event.
	Steps []TriedStep `json:"steps"`
	// Event are the columns of a stored event, by name.
	Event map[string]json.RawMessage `json:"event,omitempty"`

	// Columns are those of Event in the order of the table.
	Columns []ingest.Column `json:"-"`
}

// Results of a step.
const (
	StepPassed  = "passed"
	StepChanged = "changed"
	StepTagged  = "tagged"
	StepDropped = "dropped"
)

// TriedStep is what a step would do. Fields are only ever added.
type TriedStep struct {
	Step   string            `json:"step"`
	Result string            `json:"result" enum:"passed,changed,tagged,dropped"`
	Reason ingest.DropReason `json:"reason,omitempty"`
	// Set are the columns that the step changes, by name.
	Set map[string]json.RawMessage `json:"set,omitempty"`
	// Note says what else matters: what is off, not counted or unknown, and where a drop comes from.
	Note string `json:"note,omitempty"`

	// Changed are those of Set in the order of the table.
	Changed []ingest.Column `json:"-"`
}

// TryInput is Try for a request that is not parsed yet.
func (t Trials) TryInput(ctx context.Context, in request.Input) (TriedRequest, error) {
	parsed, err := request.Parse(in)
	if faults, ok := errors.AsType[request.Errors](err); ok {
		return RefusedRequest(faults), nil
	}
	if err != nil {
		return TriedRequest{}, err
	}
	return t.Try(ctx, parsed)
}

// RefusedRequest is a request that the server answers with 400.
func RefusedRequest(faults request.Errors) TriedRequest {
	return TriedRequest{
		Status: http.StatusBadRequest, Errors: faults, Events: []TriedEvent{}, Missing: []string{},
	}
}

// Try takes a request through the steps of the pipeline. A request that one of its sites refuses has the status 400.
func (t Trials) Try(ctx context.Context, r request.Request) (TriedRequest, error) {
	pipeline, err := t.pipeline()
	if err != nil {
		return TriedRequest{}, err
	}
	trials, err := pipeline.Try(ctx, r)
	if faults, ok := errors.AsType[request.Errors](err); ok {
		return RefusedRequest(faults), nil
	}
	if err != nil {
		return TriedRequest{}, fmt.Errorf("try an event: %w", err)
	}
	tried := TriedRequest{Status: http.StatusAccepted, Events: []TriedEvent{}, Missing: t.missing()}
	if r.RemoteIP.IsValid() {
		tried.Address = r.RemoteIP.String()
	}
	for _, trial := range trials {
		event, err := t.tried(trial, r)
		if err != nil {
			return TriedRequest{}, err
		}
		tried.Events = append(tried.Events, event)
	}
	return tried, nil
}

// pipeline returns the pipeline of the servers with nothing to write to.
func (t Trials) pipeline() (*ingest.Pipeline, error) {
	cfg := t.Pipeline
	// The secrets of the servers would show whether a visitor was there.
	var salts trialSalts
	for _, secret := range [][]byte{cfg.PartitionKey[:], salts.Current[:], salts.Previous[:]} {
		if _, err := rand.Read(secret); err != nil {
			return nil, fmt.Errorf("make a secret: %w", err)
		}
	}
	cfg.Sites, cfg.Data, cfg.Salts = scopedSites{t.Sites, t.Scope}, t.Data.Data, salts
	cfg.Limiter, cfg.Buffer = ingest.NewFixedWindows(nil), noBuffer{}
	return ingest.New(cfg)
}

// missing says which important reference data are missing or damaged.
func (t Trials) missing() []string {
	list := []string{}
	for _, d := range t.Data.Status().Data {
		if d.State != refdata.StateCurrent && (!d.Optional || d.Fault != "") {
			list = append(list, d.Problem())
		}
	}
	return list
}

// scopedSites finds the sites of a scope.
type scopedSites struct {
	sites ingest.Sites
	scope access.Scope
}

// Site returns the site of a domain, or ingest.ErrNoSite.
func (s scopedSites) Site(ctx context.Context, domain string) (*ingest.Site, error) {
	site, err := s.sites.Site(ctx, domain)
	if err == nil && !s.scope.Has(site.Domain) {
		return nil, ingest.ErrNoSite
	}
	return site, err
}

// trialSalts are salts of one trial.
type trialSalts ingest.Salts

// Salts returns the salts.
func (t trialSalts) Salts(context.Context) (ingest.Salts, error) { return ingest.Salts(t), nil }

// noBuffer takes no events.
type noBuffer struct{}

// Write fails.
func (noBuffer) Write(context.Context, []ingest.Event, []ingest.Event) error {
	return errors.New("a trial stores no event")
}
