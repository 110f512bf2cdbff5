package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func applyCommand() *cli.Command {
	return &cli.Command{
		Name: "apply", Usage: "apply flows from a file",
		Description: "Unchanged flows keep their version. An invalid file changes nothing.",
		Flags:       []cli.Flag{flowFileFlag(), pruneFlag(), byFlag(), outputFlag()},
		Action:      withSession(func(ctx context.Context, s *session) error { return applyFlows(ctx, s, false) }),
	}
}

func diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "show the changes that `sluice apply` would make",
		Flags:  []cli.Flag{flowFileFlag(), pruneFlag(), outputFlag()},
		Action: withSession(func(ctx context.Context, s *session) error { return applyFlows(ctx, s, true) }),
	}
}

func pruneFlag() cli.Flag {
	return &cli.BoolFlag{Name: "prune", Usage: "remove flows that are not in the file"}
}

func applyFlows(ctx context.Context, s *session, dryRun bool) error {
	c := s.cli
	set, err := readFlows(ctx, s)
	if err != nil {
		return err
	}
	stored, err := s.storedFlows(ctx)
	if err != nil {
		return err
	}
	if dryRun {
		changes, err := stored.Diff(ctx, set, c.Bool("prune"))
		switch {
		case err != nil:
			return err
		case asJSON(c):
			return writeJSON(c, changes)
		default:
			return writeDiff(c, changes)
		}
	}
	applied, err := stored.Apply(ctx, set, deliveryclient.ApplyOptions{Prune: c.Bool("prune"), By: whoami(c)})
	if err != nil && applied.Changes == nil {
		return err
	}
	if asJSON(c) {
		return errors.Join(writeJSON(c, applied.Changes), err)
	}
	return errors.Join(writeApplied(c, applied), err)
}

func writeApplied(c *cli.Context, applied deliveryclient.AppliedFlows) error {
	if len(applied.Changes) == 0 {
		return say(c, "The file has no flows.")
	}
	table := terminal.NewTable("FLOW", "CHANGE", "VERSION")
	for _, change := range applied.Changes {
		table.Row(change.Name, changeCell(change.Change), terminal.Ordinal(change.Version))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	for _, r := range applied.Replayed {
		if err := say(c, "%s", replayedText(r.Flow, r.Replayed)); err != nil {
			return err
		}
	}
	return nil
}

func changeCell(change string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		deliverystore.FlowAdded: terminal.Green, deliverystore.FlowChanged: terminal.Yellow,
		deliverystore.FlowRemoved: terminal.Red,
	}
	return terminal.Coloured{Text: change, Colour: colours[change]}
}

// writeDiff writes removed and added lines.
func writeDiff(c *cli.Context, changes []deliveryclient.FlowChange) error {
	w, changed := c.App.Writer, false
	for _, change := range changes {
		if change.Change == deliverystore.FlowUnchanged {
			continue
		}
		changed = true
		cell := changeCell(change.Change)
		if err := say(c, "flow %s would be %s", change.Name, terminal.Paint(w, cell.Colour, cell.Text)); err != nil {
			return err
		}
		before, err := specLines(change.Before)
		if err != nil {
			return err
		}
		after, err := specLines(change.After)
		if err != nil {
			return err
		}
		for _, line := range lineDiff(before, after) {
			colour := terminal.Plain
			switch line[0] {
			case '-':
				colour = terminal.Red
			case '+':
				colour = terminal.Green
			}
			if err := say(c, "%s", terminal.Paint(w, colour, line)); err != nil {
				return err
			}
		}
	}
	if !changed {
		return say(c, "No changes.")
	}
	return nil
}

// specLines returns the lines of a specification with its fields sorted: the database reorders them.
func specLines(spec json.RawMessage) ([]string, error) {
	if string(spec) == "null" {
		return nil, nil
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(spec))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("read a flow: %w", err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("write a flow: %w", err)
	}
	return strings.Split(strings.TrimSpace(text.String()), "\n"), nil
}

// lineDiff returns a diff of two texts: the lines of both, each with a sign, based on their longest
// common subsequence.
func lineDiff(before, after []string) []string {
	// common[i][j] is the length of that sequence in before[i:] and after[j:].
	common := make([][]int, len(before)+1)
	for i := range common {
		common[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if before[i] == after[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			lines = append(lines, "  "+before[i])
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+before[i])
			i++
		default:
			lines = append(lines, "+ "+after[j])
			j++
		}
	}
	return lines
}
