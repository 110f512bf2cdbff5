package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
)

func reviewCommand() *cli.Command {
	return group("review", "decide about imports that wait for it",
		&cli.Command{
			Name: "list", Usage: "list imports that wait for a decision, the longest waiting first",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "site", Usage: "only those of `DOMAIN`"},
				&cli.BoolFlag{Name: "all", Usage: "also those that are decided"},
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "at most `N`, 1 to 1000"},
				outputFlag(),
			},
			Action: withSession(listReviews),
		},
		&cli.Command{
			Name: "accept", Usage: "let an import's rows become visible", ArgsUsage: "ID",
			Description: "`sluice import preview ID` shows the rows before.",
			Flags:       []cli.Flag{byFlag(), reasonFlag("")},
			Action:      withSession(func(ctx context.Context, s *session) error { return decide(ctx, s, store.Accepted) }),
		},
		&cli.Command{
			Name: "decline", Usage: "take an import's rows back", ArgsUsage: "ID",
			Flags:  []cli.Flag{byFlag(), reasonFlag("; required")},
			Action: withSession(func(ctx context.Context, s *session) error { return decide(ctx, s, store.Declined) }),
		},
	)
}

func decide(ctx context.Context, s *session, verdict string) error {
	if verdict == store.Declined {
		if err := requireFlag(s.cli, "reason", "say why, for the import's log"); err != nil {
			return err
		}
	}
	id, client, err := orderTo(ctx, s)
	if err != nil {
		return err
	}
	if err := client.Decide(ctx, id, verdict, by(s.cli)); err != nil {
		return err
	}
	if verdict == store.Accepted {
		return say(s.cli, "import %d is accepted: its rows become visible", id)
	}
	return say(s.cli, "import %d is declined: its rows are being purged", id)
}

// reviewJSON is a review as programs see it. Fields are only ever added.
type reviewJSON struct {
	ImportID              int64      `json:"import_id"`
	Site                  string     `json:"site"`
	Source                string     `json:"source"`
	Label                 string     `json:"label"`
	Status                string     `json:"status"`
	RequestedBy           string     `json:"requested_by"`
	RequireSecondApprover bool       `json:"require_second_approver"`
	OpenedAt              time.Time  `json:"opened_at"`
	ExpiresAt             time.Time  `json:"expires_at"`
	Decision              *string    `json:"decision"`
	DecidedBy             string     `json:"decided_by"`
	DecidedAt             *time.Time `json:"decided_at"`
	Reason                string     `json:"reason"`
	Error                 string     `json:"error"`
}

func reviewView(r store.ReviewSummary) reviewJSON {
	return reviewJSON{
		ImportID: r.Review.ImportID, Site: r.Domain, Source: r.Source, Label: r.Label, Status: r.Status,
		RequestedBy: r.RequestedBy, RequireSecondApprover: r.RequireSecondApprover, OpenedAt: r.Review.OpenedAt, ExpiresAt: r.Review.ExpiresAt,
		Decision: r.Review.Decision, DecidedBy: r.Review.DecidedBy, DecidedAt: r.Review.DecidedAt,
		Reason: r.Review.Reason, Error: r.Review.Error,
	}
}

func listReviews(ctx context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	limit, err := limitFlag(c, maxListed)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	query := db.ListReviewsParams{AllOfThem: c.Bool("all"), RowLimit: int32(limit)}
	if site := c.String("site"); site != "" {
		query.SiteDomain = &site
	}
	reviews, err := opened.ListReviews(ctx, query)
	if err != nil {
		return err
	}
	if asJSON(c) {
		views := make([]reviewJSON, len(reviews))
		for i, r := range reviews {
			views[i] = reviewView(r)
		}
		return writeJSON(c, views)
	}
	if len(reviews) == 0 {
		text := "No import waits for a decision."
		if c.Bool("all") {
			text = "No import has been reviewed, and none waits for a decision."
		}
		return nothing(c, "reviews", text)
	}
	table := terminal.NewTable("IMPORT", "SITE", "LABEL", "STARTED BY", "SINCE", "EXPIRES", "DECISION", "NOTE")
	for _, r := range reviews {
		table.Row(terminal.Ordinal(r.Review.ImportID), r.Domain, r.Label, orDash(r.RequestedBy),
			when(&r.Review.OpenedAt), when(&r.Review.ExpiresAt), decisionCell(r), brief(reviewNote(r), 80))
	}
	return table.Write(c.App.Writer)
}

func decisionCell(r store.ReviewSummary) terminal.Coloured {
	switch {
	case r.Review.Decision == nil:
		return terminal.Coloured{Text: "awaited", Colour: terminal.Yellow}
	case *r.Review.Decision == store.Accepted:
		return terminal.Coloured{Text: fmt.Sprintf("accepted by %s", r.Review.DecidedBy), Colour: terminal.Green}
	default:
		return terminal.Coloured{Text: fmt.Sprintf("declined by %s", r.Review.DecidedBy), Colour: terminal.Red}
	}
}

func reviewNote(r store.ReviewSummary) string {
	if r.Review.Error != "" {
		return "could not be finalised: " + r.Review.Error
	}
	return r.Review.Reason
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
