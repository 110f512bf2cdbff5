package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
)

func listenCommand() *cli.Command {
	return &cli.Command{
		Name: "listen", Usage: "print how imports go, as it happens",
		Description: "complete: an import is over and well. fail: it is over and has brought in nothing.\n" +
			"transient_fail: something has failed and is tried again. With --output json, one object a line.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "site", Usage: "only those of `DOMAIN`"},
			outputFlag(),
		},
		Action: withSession(listenToImports),
	}
}

func listenToImports(ctx context.Context, s *session) (err error) {
	if err := noArgs(s.cli); err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	var siteID int64
	if domain := s.cli.String("site"); domain != "" {
		site, err := opened.Site(ctx, domain)
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

// Listen begins to listen for imports. What ends after it has returned is heard, so it
// is called before an import is started. The caller closes the listener.
func (s *session) Listen(ctx context.Context) (*starter.Listener, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	listener, err := starter.Listen(ctx, opened)
	if err != nil {
		return nil, err
	}
	listener.Trouble = func(err error) {
		if ctx.Err() != nil {
			// The command ends: the connection is closed, not lost.
			return
		}
		if _, werr := fmt.Fprintf(s.cli.App.ErrWriter, "The connection is lost, and is made anew: %s\n", err); werr != nil {
			// Nobody reads it: what is heard goes to standard output.
			listener.Trouble = nil
		}
	}
	return listener, nil
}

// notificationJSON is what is heard of an import, as programs see it. Fields are only
// ever added.
type notificationJSON struct {
	store.JobMessage
	Site       string `json:"site"`
	Status     string `json:"status"`
	RowsLoaded int64  `json:"rows_loaded"`
	Error      string `json:"error"`
}

// printNotification adds to what is heard how the import is now.
func printNotification(ctx context.Context, s *session, n starter.Notification) error {
	view := notificationJSON{JobMessage: n}
	summary, err := s.store.Summary(ctx, n.ImportID)
	switch {
	case err == nil:
		view.Site, view.Status, view.RowsLoaded = summary.Domain, summary.Import.Status, summary.RowsLoaded
		view.Error = summary.Import.Error
		if n.Event == store.JobTransientFail {
			view.Error = summary.Import.AttemptError
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if asJSON(s.cli) {
		// One object a line, so that other programs can read them as they come.
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
	case n.Event == store.JobComplete && view.Status == store.StatusCompleted:
		line += ", " + terminal.Count(view.RowsLoaded) + " rows loaded"
	case n.Event == eventParked:
		line += fmt.Sprintf(", waits for `sluice import retry-part %d PART`, skip-part or cancel", n.ImportID)
	case n.Event == eventTimeout:
		line += fmt.Sprintf(", the import goes on: it is %s", view.Status)
	case view.Error != "":
		line += ", " + brief(view.Error, 150)
	}
	return say(s.cli, "%s", line)
}
