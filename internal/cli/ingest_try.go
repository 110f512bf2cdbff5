package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/wiring"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// tryEvent shows what would become of an event.
func tryEvent(ctx context.Context, s *session) error {
	if err := noArgs(s.cli); err != nil {
		return err
	}
	parsed, err := tryInput(s.cli, s.settings.Server.Proxies(), time.Now())
	if err != nil {
		return refuseTrial(s, err, exitUsage)
	}
	data, err := refdata.Open(refdata.Config{
		Folder: s.settings.Refdata.Dir(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	pipeline, err := trialPipeline(s, ingesting.StoredSites{Store: ingeststore.New(opened.Store)}, data)
	if err != nil {
		return err
	}
	trials, err := pipeline.Try(ctx, parsed)
	var faults request.Errors
	if errors.As(err, &faults) {
		return refuseTrial(s, refusedError{faults: faults, flags: !s.cli.IsSet("body")}, exitRefused)
	}
	if err != nil {
		return err
	}
	view := tryJSON{Status: http.StatusAccepted, Address: addressText(parsed), Missing: missingData(data)}
	for _, trial := range trials {
		view.Events = append(view.Events, trialView(trial, parsed, s.settings.Ingest))
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, view)
	}
	return writeTrials(s.cli, view)
}

// refuseTrial reports a request that the server answers with 400. Other errors stay as they are.
func refuseTrial(s *session, err error, code int) error {
	var refused refusedError
	if !errors.As(err, &refused) {
		return err
	}
	if !asJSON(s.cli) {
		return exitWith(code, err)
	}
	view := tryJSON{Status: http.StatusBadRequest, Errors: refused.faults, Events: []triedJSON{}, Missing: []string{}}
	if err := writeJSON(s.cli, view); err != nil {
		return err
	}
	return silently(code, err)
}

// trialPipeline returns the pipeline of the server on sites of the store, with nothing to write to.
func trialPipeline(s *session, sites ingest.Sites, data *refdata.Store) (*ingest.Pipeline, error) {
	cfg := wiring.Pipeline(s.settings.Ingest)
	// The secrets of the servers would show whether a visitor was there.
	var salts trialSalts
	for _, secret := range [][]byte{cfg.PartitionKey[:], salts.Current[:], salts.Previous[:]} {
		if _, err := rand.Read(secret); err != nil {
			return nil, fmt.Errorf("make a secret: %w", err)
		}
	}
	cfg.Sites, cfg.Data, cfg.Salts = sites, data.Data, salts
	cfg.Limiter, cfg.Buffer = ingest.NewFixedWindows(nil), noBuffer{}
	return ingest.New(cfg)
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

// missingData says which important reference data are missing or damaged.
func missingData(data *refdata.Store) []string {
	list := []string{}
	for _, d := range data.Status().Data {
		if d.State != refdata.StateCurrent && (!d.Optional || d.Fault != "") {
			list = append(list, dataFault(d))
		}
	}
	return list
}

func addressText(r request.Request) string {
	if !r.RemoteIP.IsValid() {
		return ""
	}
	return r.RemoteIP.String()
}
