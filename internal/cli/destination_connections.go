package cli

import (
	"cmp"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/terminal"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// countStates counts the connections with an open circuit and those that are paused.
func countStates(all []deliveryclient.Waiting) (open, paused int) {
	for _, w := range all {
		switch w.State {
		case deliverystore.ConnectionOpen, deliverystore.ConnectionHalfOpen:
			open++
		case deliverystore.ConnectionPaused:
			paused++
		}
	}
	return open, paused
}

// maxWaitingRows bounds the connections of a table, unhealthy ones first.
const maxWaitingRows = 20

func writeWaiting(c *cli.Context, all []deliveryclient.Waiting) error {
	if err := say(c, ""); err != nil {
		return err
	}
	var sorted []deliveryclient.Waiting
	for _, healthy := range []bool{false, true} {
		for _, w := range all {
			if (w.State == deliverystore.ConnectionHealthy) == healthy {
				sorted = append(sorted, w)
			}
		}
	}
	table := terminal.NewTable("CONNECTION", "STATE", "WAITING", "DUE", "FAILURES", "OPEN UNTIL", "LAST ERROR")
	for _, w := range sorted[:min(len(sorted), maxWaitingRows)] {
		name := cmp.Or(w.Connection, "-")
		table.Row(name, healthCell(w.Health), w.Waiting, w.Due, w.Failures, when(w.OpenUntil), healthReason(w.Health))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	if more := len(sorted) - maxWaitingRows; more > 0 {
		return say(c, "%d more; list all with --output json", more)
	}
	return nil
}

// healthCell colours states that need attention.
func healthCell(h connections.Health) terminal.Coloured {
	colour := map[string]terminal.Colour{
		deliverystore.ConnectionHealthy: terminal.Green, deliverystore.ConnectionFailing: terminal.Yellow,
		deliverystore.ConnectionPaused: terminal.Yellow, deliverystore.ConnectionOpen: terminal.Red,
		deliverystore.ConnectionHalfOpen: terminal.Red,
		deliveryclient.ConnectionMissing: terminal.Red,
	}[h.State]
	return terminal.Coloured{Text: h.State, Colour: colour}
}

// healthReason is the reason why a connection is not healthy.
func healthReason(h connections.Health) string {
	if h.PausedAt == nil {
		return h.Reason
	}
	text := "paused"
	if h.PausedBy != "" {
		text += " by " + h.PausedBy
	}
	if h.PausedReason != "" {
		text += ": " + h.PausedReason
	}
	return text
}

// healthText is the health of a connection in one line.
func healthText(h connections.Health) string {
	text := h.State
	if h.OpenUntil != nil && h.State == deliverystore.ConnectionOpen {
		text = "circuit open until " + when(h.OpenUntil)
	}
	if h.State == deliverystore.ConnectionHalfOpen {
		text = "circuit half-open, probing with one job at a time"
	}
	if h.Failures > 0 {
		text += fmt.Sprintf(" after %d consecutive failures", h.Failures)
	}
	switch reason := healthReason(h); {
	case h.PausedAt != nil:
		return reason
	case reason != "":
		text += ": " + reason
	}
	return text
}
