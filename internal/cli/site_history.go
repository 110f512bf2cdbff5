package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/internal/terminal"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/warehouse/history"
)

// aboutHistory describes what the commands of the history count.
const aboutHistory = "Native and imported data are one history, no day twice. Days are those of the site's time zone." +
	" Visitors are counted by day: sums of days count a person on each day again. --output sql prints the query."

// dayFlags are the flags of a range of days.
func dayFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from", Usage: "first `DAY` (YYYY-MM-DD), by default the first with data"},
		&cli.StringFlag{Name: "to", Usage: "last `DAY` (YYYY-MM-DD), by default the last with data"},
		outputFlag("csv", "sql"),
	}
}

func siteHistoryCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "show visitors, pageviews or visits of a site over time", ArgsUsage: "DOMAIN",
		Description: aboutHistory,
		Flags: append([]cli.Flag{
			&cli.StringFlag{
				Name: "metric", Value: string(history.MetricVisitors), Usage: "count `METRIC`: " + listOf(history.Metrics()),
			},
			&cli.StringFlag{
				Name:  "interval",
				Usage: "length of a period, `INTERVAL`: " + listOf(history.Intervals()) + "; by default by the range",
			},
		}, dayFlags()...),
		Action: withArg(historyArgs, (*session).Sites, showHistory),
	}
}

func siteBreakdownCommand() *cli.Command {
	return &cli.Command{
		Name: "breakdown", ArgsUsage: "DOMAIN",
		Usage:       "show the most frequent pages, sources, locations or devices of a site",
		Description: aboutHistory,
		Flags: append([]cli.Flag{
			&cli.StringFlag{
				Name: "by", Value: string(history.ByPages), Usage: "divide by `DIMENSION`: " + listOf(history.Dimensions()),
			},
			&cli.IntFlag{
				Name: "limit", Value: ingestclient.DefaultValues,
				Usage: fmt.Sprintf("list at most `N` values, 1 to %d", history.MaxValues),
			},
		}, dayFlags()...),
		Action: withArg(breakdownArgs, (*session).Sites, showBreakdown),
	}
}

// askedHistory are the arguments of the commands of the history.
type askedHistory struct {
	domain string
	days   ingestclient.HistoryDays
	// limit is that of a breakdown.
	limit int
}

// historyArgs reads a site and the flags of a range of days.
func historyArgs(c *cli.Context) (asked askedHistory, err error) {
	if asked.domain, err = siteArg(c); err != nil {
		return asked, err
	}
	for name, into := range map[string]**calendar.Day{"from": &asked.days.From, "to": &asked.days.To} {
		text := c.String(name)
		if text == "" {
			continue
		}
		day, err := calendar.ParseDay(text)
		if err != nil {
			return asked, exitWith(exitUsage, fmt.Errorf("--%s: %w", name, err))
		}
		*into = &day
	}
	return asked, nil
}

// breakdownArgs is historyArgs with a limit.
func breakdownArgs(c *cli.Context) (askedHistory, error) {
	asked, err := historyArgs(c)
	if err == nil {
		asked.limit, err = limitFlag(c, history.MaxValues)
	}
	return asked, err
}

func showHistory(ctx context.Context, s *session, asked askedHistory, sites *ingestclient.Sites) error {
	c := s.cli
	site, err := sites.Show(ctx, asked.domain)
	if err != nil {
		return err
	}
	h, err := sites.History(ctx, site, ingestclient.HistoryQuery{
		Metric: history.Metric(c.String("metric")), Interval: history.Interval(c.String("interval")), Days: asked.days,
	})
	if err != nil {
		return err
	}
	if written, err := writeTable(c, h, h.SQL); written {
		return err
	}
	if len(h.Points) == 0 {
		return say(c, "Site %s has no data from %s to %s.", asked.domain, h.From, h.To)
	}
	table := terminal.NewTable(strings.ToUpper(string(h.Interval)), "ORIGIN", strings.ToUpper(string(h.Metric)), "DAYS")
	for _, p := range h.Points {
		origin := p.Origin
		if p.Import != 0 {
			origin = fmt.Sprintf("import %d", p.Import)
		}
		table.Row(p.Start.String(), origin, humanize.Comma(int64(p.Value)), fmt.Sprint(p.Days))
	}
	return table.Write(c.App.Writer)
}

func showBreakdown(ctx context.Context, s *session, asked askedHistory, sites *ingestclient.Sites) error {
	c := s.cli
	site, err := sites.Show(ctx, asked.domain)
	if err != nil {
		return err
	}
	b, err := sites.Breakdown(ctx, site, ingestclient.BreakdownQuery{
		By: history.Dimension(c.String("by")), Days: asked.days, Limit: asked.limit,
	})
	if err != nil {
		return err
	}
	if written, err := writeTable(c, b, b.SQL); written {
		return err
	}
	if len(b.Values) == 0 {
		return say(c, "Site %s has no data from %s to %s.", asked.domain, b.From, b.To)
	}
	table := terminal.NewTable("VALUE", "COUNTRY", "VISITORS", "VISITS", "PAGEVIEWS")
	for _, v := range b.Values {
		table.Row(v.Value, v.Country, humanize.Comma(int64(v.Visitors)), humanize.Comma(int64(v.Visits)),
			humanize.Comma(int64(v.Pageviews)))
	}
	t := b.Total
	table.Row(fmt.Sprintf("all %d", b.Different), "", humanize.Comma(int64(t.Visitors)), humanize.Comma(int64(t.Visits)),
		humanize.Comma(int64(t.Pageviews)))
	return table.Write(c.App.Writer)
}

// writeTable writes a table as JSON, CSV or the query that it is from. It has not written where people want a table.
func writeTable(c *cli.Context, table interface{ Rows() [][]string }, query string) (written bool, err error) {
	switch c.String("output") {
	case "json":
		return true, writeJSON(c, table)
	case "csv":
		return true, spreadsheet.Write(c.App.Writer, table.Rows())
	case "sql":
		return true, say(c, "%s", query)
	}
	return false, nil
}
