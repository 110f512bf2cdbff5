package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

// forgetImports deletes all imports of a site.
func forgetImports(ctx context.Context, s *session, domain string, client *starter.Starter) error {
	c := s.cli
	ids, err := client.ForgetImports(ctx, domain)
	if err != nil {
		return err
	}
	if !c.Bool("no-wait") {
		progress := terminal.NewProgress(c.App.ErrWriter, 5*time.Second)
		for i, id := range ids {
			progress.Show(terminal.Reading{
				Label: "deleting", Done: int64(i), Total: int64(len(ids)), Detail: fmt.Sprintf("%d/%d imports", i, len(ids)),
			})
			if err := client.WaitDeleted(ctx, id); err != nil {
				progress.Close()
				return errors.Join(fmt.Errorf("wait for the deletion of import %d, which continues: %w", id, err))
			}
		}
		progress.Close()
	}
	if asJSON(c) {
		return writeJSON(c, map[string]any{"site": domain, "imports": append([]int64{}, ids...)})
	}
	switch {
	case len(ids) == 0:
		return say(c, "site %s has no imports", domain)
	case c.Bool("no-wait"):
		return say(c, "deleting %s of site %s; their rows are hidden", plural(int64(len(ids)), "import"), domain)
	default:
		return say(c, "deleted %s of site %s", plural(int64(len(ids)), "import"), domain)
	}
}
