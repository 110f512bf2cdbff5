package call

import "github.com/sluicehq/sluice/workflows/command"

// By names the sender of a command and the motive.
type By struct {
	Who, Why string
}

// Command returns the command's envelope. The key deduplicates its attempts; run is the only run
// that may execute it, "" for any.
func (b By) Command(key, run string) command.Command {
	return command.Command{Key: key, By: b.Who, Reason: b.Why, Run: run}
}
