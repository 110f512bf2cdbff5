package call

import (
	"context"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/workflows/command"
)

// By names the sender of a command and the motive.
type By struct {
	Who, Why string
}

// Command returns the command's envelope. The key deduplicates its attempts; run is the only run
// that may execute it, "" for any. A command in whose context a person or a service acts is recorded in the audit by
// its sender.
func (b By) Command(ctx context.Context, key, run string) command.Command {
	return command.Command{Key: key, By: b.Who, Reason: b.Why, Run: run, Audited: access.Acting(ctx)}
}
