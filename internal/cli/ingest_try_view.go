package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// writeTrials writes for each domain its steps, the verdict and the event.
func writeTrials(c *cli.Context, tried ingestclient.TriedRequest) error {
	if err := say(c, "Visitor's address: %s", cmp.Or(tried.Address, "not known")); err != nil {
		return err
	}
	for _, event := range tried.Events {
		if err := writeTrial(c, event); err != nil {
			return err
		}
	}
	for _, missing := range tried.Missing {
		if _, err := fmt.Fprintf(c.App.ErrWriter, "reference data: %s\n", missing); err != nil {
			return err
		}
	}
	return nil
}

func writeTrial(c *cli.Context, event ingestclient.TriedEvent) error {
	if err := say(c, "\nEvent of %s\n", terminal.Line(event.Domain)); err != nil {
		return err
	}
	table := terminal.NewTable("STEP", "RESULT", "DETAIL")
	for _, s := range event.Steps {
		result := terminal.Coloured{Text: s.Result}
		switch s.Result {
		case ingestclient.StepDropped:
			result.Colour = terminal.Red
		case ingestclient.StepTagged:
			result.Colour = terminal.Yellow
		case ingestclient.StepChanged:
			result.Colour = terminal.Cyan
		}
		table.Row(s.Step, result, stepDetail(s))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	verdict := terminal.Paint(c.App.Writer, terminal.Green, ingestclient.VerdictStored)
	if event.Verdict == ingestclient.VerdictDropped {
		verdict = terminal.Paint(c.App.Writer, terminal.Red, ingestclient.VerdictDropped) + " as " + string(event.Reason)
	}
	for _, field := range slices.Sorted(maps.Keys(event.Faults)) {
		verdict += "; " + field + " " + event.Faults[field]
	}
	if err := say(c, "\nVerdict: %s", verdict); err != nil || len(event.Columns) == 0 {
		return err
	}
	if err := say(c, ""); err != nil {
		return err
	}
	var lines [][2]string
	for _, column := range event.Columns {
		lines = append(lines, [2]string{column.Name, terminal.Line(column.Text())})
	}
	return writeLines(c, lines)
}

// stepDetail is the last column of a step.
func stepDetail(s ingestclient.TriedStep) string {
	var parts []string
	if s.Reason != "" {
		parts = append(parts, string(s.Reason))
	}
	for _, column := range s.Changed {
		parts = append(parts, column.Name+"="+cmp.Or(column.Text(), "none"))
	}
	text := strings.Join(parts, ", ")
	if s.Note != "" && text != "" {
		return text + ": " + s.Note
	}
	return text + s.Note
}
