package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
)

func notificationCommand() *cli.Command {
	return group("notification", "look after what people and other services are told about imports",
		&cli.Command{
			Name: "list", Usage: "list notifications with their deliveries, newest first",
			Flags: []cli.Flag{
				&cli.Int64Flag{Name: "import", Usage: "only those about the import `ID`", DefaultText: "all"},
				&cli.StringFlag{
					Name: "status", Usage: "only deliveries that are `STATUS`: " + strings.Join(deliveryStatuses(), ", "),
				},
				&cli.IntFlag{Name: "limit", Value: 50, Usage: "at most `N` deliveries, 1 to 1000"},
				outputFlag(),
			},
			Action: withSession(listNotifications),
		},
		&cli.Command{
			Name: "show", Usage: "show a notification and what it says", ArgsUsage: "ID",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showNotification),
		},
		&cli.Command{
			Name: "retry", Usage: "deliver now what was given up, or waits to be tried again", ArgsUsage: "ID",
			Action: withSession(retryNotification),
		},
		&cli.Command{
			Name: "enable", Usage: "let a webhook have notifications again that has said it is gone", ArgsUsage: "CONNECTION",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(enableWebhook),
		},
	)
}

func deliveryStatuses() []string {
	return []string{
		store.DeliveryPending, store.DeliverySending, store.DeliveryDelivered, store.DeliverySkipped, store.DeliveryGivenUp,
	}
}

func notificationArg(c *cli.Context) (string, error) {
	return oneArg(c, "the ID of a notification")
}

// listedJSON is a delivery as programs see it. Its fields are null where a notification
// has none.
type listedJSON struct {
	Notification string     `json:"notification"`
	ImportID     int64      `json:"import_id"`
	Site         string     `json:"site"`
	Event        string     `json:"event"`
	CreatedAt    time.Time  `json:"created_at"`
	Channel      *string    `json:"channel"`
	Target       *string    `json:"target"`
	Status       *string    `json:"status"`
	Attempts     *int32     `json:"attempts"`
	DueAt        *time.Time `json:"due_at"`
	FinishedAt   *time.Time `json:"finished_at"`
	Error        *string    `json:"error"`
}

func listNotifications(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	limit, err := limitFlag(c, maxListed)
	if err != nil {
		return err
	}
	status := c.String("status")
	if status != "" && !slices.Contains(deliveryStatuses(), status) {
		return fmt.Errorf("--status %q: want one of %s", status, strings.Join(deliveryStatuses(), ", "))
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	all, err := opened.Notifications(ctx, c.Int64("import"), status, int32(limit))
	if err != nil {
		return err
	}
	if asJSON(c) {
		views := make([]listedJSON, len(all))
		for i, n := range all {
			views[i] = listedJSON{
				Notification: n.ID, ImportID: n.ImportID, Site: n.Domain, Event: n.Event, CreatedAt: n.CreatedAt,
				Channel: n.Channel, Target: n.Target, Status: n.Status, Attempts: n.Attempts, DueAt: n.DueAt,
				FinishedAt: n.FinishedAt, Error: n.Error,
			}
		}
		return writeJSON(c, views)
	}
	if len(all) == 0 {
		return nothing(c, "notifications", "There are no notifications here.")
	}
	table := terminal.NewTable("ID", "SITE", "CHANNEL", "TARGET", "STATUS", "ATTEMPTS", "NEXT", "ERROR")
	for _, n := range all {
		if n.Status == nil {
			table.Row(n.ID, n.Domain, "-", "-", nobody(n.ExpandedAt), "", "", "")
			continue
		}
		table.Row(n.ID, n.Domain, *n.Channel, *n.Target, deliveryCell(*n.Status), *n.Attempts,
			next(*n.Status, *n.DueAt), brief(*n.Error, 60))
	}
	return table.Write(c.App.Writer)
}

// nobody says why a notification has no deliveries.
func nobody(expandedAt *time.Time) string {
	if expandedAt == nil {
		return "new"
	}
	return "nobody to tell"
}

// next is when a delivery is tried again.
func next(status string, due time.Time) string {
	if status != store.DeliveryPending {
		return "-"
	}
	return when(&due)
}

func deliveryCell(status string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		store.DeliveryDelivered: terminal.Green, store.DeliveryGivenUp: terminal.Red, store.DeliverySending: terminal.Cyan,
		store.DeliverySkipped: terminal.Faint, store.DeliveryPending: terminal.Yellow,
	}
	return terminal.Coloured{Text: status, Colour: colours[status]}
}

// deliveryJSON is a delivery of a notification that is shown.
type deliveryJSON struct {
	Channel    string     `json:"channel"`
	Target     string     `json:"target"`
	Status     string     `json:"status"`
	Attempts   int32      `json:"attempts"`
	DueAt      time.Time  `json:"due_at"`
	FinishedAt *time.Time `json:"finished_at"`
	Error      string     `json:"error"`
}

func showNotification(ctx context.Context, s *session) error {
	id, err := notificationArg(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	n, domain, deliveries, err := opened.Notification(ctx, id)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		views := make([]deliveryJSON, len(deliveries))
		for i, d := range deliveries {
			views[i] = deliveryJSON{
				Channel: d.Channel, Target: d.Target, Status: d.Status, Attempts: d.Attempts, DueAt: d.DueAt,
				FinishedAt: d.FinishedAt, Error: d.Error,
			}
		}
		return writeJSON(s.cli, map[string]any{"payload": n.Payload, "deliveries": views})
	}
	var a store.Announcement
	if err := json.Unmarshal(n.Payload, &a); err != nil {
		return fmt.Errorf("read the notification: %w", err)
	}
	lines := [][2]string{
		{"ID", n.ID},
		{"About", fmt.Sprintf("import %d of %s, %s", n.ImportID, domain, a.Import.Label)},
		{"Event", n.Event},
		{"At", when(&n.CreatedAt)},
		{"Detail", a.Detail},
		{"Error", a.Import.Error},
	}
	w := s.cli.App.Writer
	for _, line := range lines {
		if line[1] == "" {
			continue
		}
		name := terminal.Paint(w, terminal.Faint, fmt.Sprintf("%-7s", line[0]))
		if _, err := fmt.Fprintf(w, "%s %s\n", name, terminal.Block(line[1], 8)); err != nil {
			return err
		}
	}
	if len(deliveries) == 0 {
		return say(s.cli, "\nThere are no deliveries: %s.", nobody(n.ExpandedAt))
	}
	table := terminal.NewTable("CHANNEL", "TARGET", "STATUS", "ATTEMPTS", "NEXT", "ERROR")
	for _, d := range deliveries {
		table.Row(d.Channel, d.Target, deliveryCell(d.Status), d.Attempts, next(d.Status, d.DueAt), d.Error)
	}
	return errors.Join(say(s.cli, ""), table.Write(w))
}

func retryNotification(ctx context.Context, s *session) error {
	id, err := notificationArg(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	n, err := opened.RetryNotification(ctx, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return say(s.cli, "nothing to retry: no delivery of %s was given up or waits", id)
	}
	return say(s.cli, "%d of the deliveries of %s will be tried again now, by any worker", n, id)
}

func enableWebhook(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	err = opened.Enable(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("webhook %s is not disabled", name)
	}
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string]string{"enabled": name})
	}
	return say(s.cli, "webhook %s gets notifications again; `sluice notification retry ID` sends what it has missed", name)
}
