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
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
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

// changeJSON is the JSON form of a change. Fields are only ever added.
type changeJSON struct {
	Name    string          `json:"name"`
	Change  string          `json:"change"`
	Version int64           `json:"version"`
	Before  json.RawMessage `json:"before"`
	After   json.RawMessage `json:"after"`
}

func applyFlows(ctx context.Context, s *session, dryRun bool) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	flows, _, err := readFlows(ctx, s)
	if err != nil {
		return err
	}
	set := deliverystore.FlowSet{Prune: c.Bool("prune"), DryRun: dryRun}
	if !dryRun {
		set.By = whoami(c)
	}
	for _, f := range flows {
		spec, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("encode flow %s: %w", f.Name, err)
		}
		set.Flows = append(set.Flows, deliverystore.FlowSpec{Name: f.Name, Spec: spec})
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	changes, err := opened.Deliveries.ApplyFlows(ctx, set)
	if err != nil {
		return err
	}
	replayed, replayErr := replayChanged(ctx, s, opened, changes, dryRun)
	switch {
	case asJSON(c):
		views := make([]changeJSON, len(changes))
		for i, change := range changes {
			views[i] = changeJSON{
				Name: change.Name, Change: change.Change, Version: change.Version,
				Before: orNull(change.Before), After: orNull(change.After),
			}
		}
		return errors.Join(writeJSON(c, views), replayErr)
	case dryRun:
		return writeDiff(c, changes)
	}
	if len(changes) == 0 {
		return say(c, "The file has no flows.")
	}
	table := terminal.NewTable("FLOW", "CHANGE", "VERSION")
	for _, change := range changes {
		table.Row(change.Name, changeCell(change.Change), terminal.Ordinal(change.Version))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	for _, text := range replayed {
		if err := say(c, "%s", text); err != nil {
			return err
		}
	}
	return replayErr
}

// replayChanged replays the events kept for changed flows, and returns a line for each.
func replayChanged(
	ctx context.Context, s *session, opened *dispatchstore.Store, changes []deliverystore.FlowChange, dryRun bool,
) (texts []string, err error) {
	if dryRun {
		return nil, nil
	}
	kept, err := opened.Deliveries.FlowFaults(ctx)
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		if change.Change == deliverystore.FlowRemoved || kept[change.Name].Events == 0 {
			continue
		}
		client, err := s.Deliveries(ctx)
		if err == nil {
			var r deliveryclient.Replayed
			r, err = client.ReplayFlow(ctx, change.Name)
			texts = append(texts, replayedText(change.Name, r))
		}
		if err != nil {
			return texts, fmt.Errorf("applied the flows, but failed to replay the events kept for flow %[1]s "+
				"(retry with `sluice flow replay %[1]s`): %[2]w", change.Name, err)
		}
	}
	return texts, nil
}

func orNull(text json.RawMessage) json.RawMessage {
	if text == nil {
		return json.RawMessage("null")
	}
	return text
}

func changeCell(change string) terminal.Coloured {
	colours := map[string]terminal.Colour{
		deliverystore.FlowAdded: terminal.Green, deliverystore.FlowChanged: terminal.Yellow,
		deliverystore.FlowRemoved: terminal.Red,
	}
	return terminal.Coloured{Text: change, Colour: colours[change]}
}

// writeDiff writes removed and added lines.
func writeDiff(c *cli.Context, changes []deliverystore.FlowChange) error {
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
	if spec == nil {
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
