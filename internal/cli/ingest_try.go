package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/wiring"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// tryEvent shows what would become of an event.
func tryEvent(ctx context.Context, s *session) error {
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
	trials := trialsOf(s, ingesting.StoredSites{Store: ingeststore.New(opened.Store)}, data)
	tried, err := trials.Try(ctx, parsed)
	if err != nil {
		return err
	}
	if tried.Status == http.StatusBadRequest {
		return refuseTrial(s, refusedError{faults: tried.Errors, flags: !s.cli.IsSet("body")}, exitRefused)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, tried)
	}
	return writeTrials(s.cli, tried)
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
	if err := writeJSON(s.cli, ingestclient.RefusedRequest(refused.faults)); err != nil {
		return err
	}
	return silently(code, err)
}

// trialsOf returns trials with the settings of the session.
func trialsOf(s *session, sites ingest.Sites, data *refdata.Store) ingestclient.Trials {
	return ingestclient.Trials{
		Pipeline: wiring.Pipeline(s.settings.Ingest), Sites: sites, Data: data, Scope: access.AllSites(),
	}
}
