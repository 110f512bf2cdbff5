package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func listenCommand() *cli.Command {
	return &cli.Command{
		Name: "listen", Usage: "print events of imports as they happen",
		Description: "complete: the import ended successfully. fail: the import ended without rows.\n" +
			"transient_fail: an attempt failed and is retried. --output json writes one object per line.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "site", Usage: "filter by site `DOMAIN`"},
			outputFlag(),
		},
		Action: withSession(listenToImports),
	}
}

func listenToImports(ctx context.Context, s *session) (err error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	var siteID int64
	if domain := s.cli.String("site"); domain != "" {
		site, err := opened.Imports.Site(ctx, domain)
		if err != nil {
			return err
		}
		siteID = site.ID
	}
	listener, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Close(ctx)) }()
	for n, err := range listener.All(ctx) {
		if err != nil {
			return err
		}
		if siteID != 0 && n.SiteID != siteID {
			continue
		}
		if err := printNotification(ctx, s, n); err != nil {
			return err
		}
	}
	return nil
}

// Listen subscribes to the events of imports. It is called before an import is started, so that no
// event is missed. The caller closes the listener.
func (s *session) Listen(ctx context.Context) (*starter.Listener, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := starter.Listen(ctx, opened)
	if err != nil {
		return nil, err
	}
	listener.OnError = func(err error) {
		if ctx.Err() != nil {
			// The command is ending: the connection was closed, not lost.
			return
		}
		if _, werr := fmt.Fprintf(s.cli.App.ErrWriter, "Connection lost, reconnecting: %s\n", err); werr != nil {
			// Standard error is closed; events go to standard output.
			listener.OnError = nil
		}
	}
	return listener, nil
}

// notificationJSON is the JSON form of an event of an import. Fields are only ever added.
type notificationJSON struct {
	importstore.JobMessage
	Site       string `json:"site"`
	Status     string `json:"status"`
	RowsLoaded int64  `json:"rows_loaded"`
	Error      string `json:"error"`
}

// printNotification writes an event with the present state of its import.
func printNotification(ctx context.Context, s *session, n starter.Notification) error {
	view := notificationJSON{JobMessage: n}
	summary, err := s.store.Imports.Summary(ctx, n.ImportID)
	switch {
	case err == nil:
		view.Site, view.Status, view.RowsLoaded = summary.Domain, summary.Import.Status, summary.RowsLoaded
		view.Error = summary.Import.Error
		if n.Event == importstore.JobTransientFail {
			view.Error = summary.Import.AttemptError
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if asJSON(s.cli) {
		// One object per line, so that a program can read events as they arrive.
		if err := json.NewEncoder(s.cli.App.Writer).Encode(view); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		return nil
	}
	line := fmt.Sprintf("%s  import %d", time.Now().Format(time.DateTime), n.ImportID)
	if view.Site != "" {
		line += " of " + view.Site
	}
	line += ": " + n.Event
	switch {
	case n.Event == importstore.JobComplete && view.Status == importstore.StatusCompleted:
		line += ", " + humanize.Comma(view.RowsLoaded) + " rows loaded"
	case n.Event == eventParked:
		line += fmt.Sprintf(", waiting for `sluice import retry-part %d PART`, skip-part or cancel", n.ImportID)
	case n.Event == eventTimeout:
		line += fmt.Sprintf(", the import continues: it is %s", view.Status)
	case view.Error != "":
		line += ", " + brief(view.Error, 150)
	}
	return say(s.cli, "%s", line)
}
