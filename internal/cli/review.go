package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func reviewCommand() *cli.Command {
	return group("review", "accept or decline imports in review",
		&cli.Command{
			Name: "list", Usage: "list imports in review, oldest first",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "site", Usage: "filter by site `DOMAIN`"},
				&cli.BoolFlag{Name: "all", Usage: "include decided reviews"},
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "list at most `N` reviews, 1 to 1000"},
				outputFlag(),
			},
			Action: withArg(limited(maxListed), (*session).Store, listReviews),
		},
		&cli.Command{
			Name: "accept", Usage: "accept an import: its rows become visible", ArgsUsage: "ID",
			Description: "Inspect the rows first with `sluice import preview ID`.",
			Flags:       []cli.Flag{byFlag(), reasonFlag("")},
			Action:      withArg(idArg, (*session).Starter, acceptImport),
		},
		&cli.Command{
			Name: "decline", Usage: "decline an import and purge its rows", ArgsUsage: "ID",
			Flags:  []cli.Flag{byFlag(), reasonFlag("; required")},
			Action: withArg(reasoned(idArg), (*session).Starter, declineImport),
		},
	)
}

func acceptImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	return sayDone(s.cli, client.Decide(ctx, id, importstore.Accepted, by(s.cli)),
		"accepted import %d; its rows become visible", id)
}

func declineImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	return sayDone(s.cli, client.Decide(ctx, id, importstore.Declined, by(s.cli)),
		"declined import %d; its rows are being purged", id)
}

func listReviews(ctx context.Context, s *session, limit int, opened *dispatchstore.Store) error {
	c := s.cli
	query := importstore.ReviewQuery{AllOfThem: c.Bool("all"), RowLimit: int32(limit)}
	if site := c.String("site"); site != "" {
		query.SiteDomain = &site
	}
	reviews, err := opened.Imports.ListReviews(ctx, query)
	if err != nil {
		return err
	}
	none := "No imports in review."
	if c.Bool("all") {
		none = "No reviews found."
	}
	if written, err := withoutTable(
		c, convert.Slice(reviews, importview.ReviewOf), len(reviews), "reviews", none); written {
		return err
	}
	table := terminal.NewTable("IMPORT", "SITE", "LABEL", "REQUESTED BY", "IN REVIEW SINCE", "EXPIRES", "DECISION", "NOTE")
	for _, r := range reviews {
		table.Row(terminal.Ordinal(r.Review.ImportID), r.Domain, r.Label, orDash(r.RequestedBy),
			when(&r.Review.OpenedAt), when(&r.Review.ExpiresAt), decisionCell(r), brief(reviewNote(r), 80))
	}
	return table.Write(c.App.Writer)
}

func decisionCell(r importstore.ReviewSummary) terminal.Coloured {
	switch {
	case r.Review.Decision == nil:
		return terminal.Coloured{Text: "none", Colour: terminal.Yellow}
	case *r.Review.Decision == importstore.Accepted:
		return terminal.Coloured{Text: fmt.Sprintf("accepted by %s", r.Review.DecidedBy), Colour: terminal.Green}
	default:
		return terminal.Coloured{Text: fmt.Sprintf("declined by %s", r.Review.DecidedBy), Colour: terminal.Red}
	}
}

func reviewNote(r importstore.ReviewSummary) string {
	if r.Review.Error != "" {
		return "finalize failed: " + r.Review.Error
	}
	return r.Review.Reason
}

func orDash(text string) string {
	return cmp.Or(text, "-")
}
