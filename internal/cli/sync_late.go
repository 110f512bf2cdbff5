package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// lateLines lists late errors with their pages, "" without any.
func lateLines(name string, late []syncclient.LateErrors) string {
	if len(late) == 0 {
		return ""
	}
	var lines []string
	for _, e := range late {
		least := ""
		if !e.Exact {
			least = "at least "
		}
		reasons := make([]string, len(e.Reasons))
		for i, r := range e.Reasons {
			reasons[i] = r.String()
		}
		line := fmt.Sprintf("%s%s by %s, in pages %s: %s", least, plural(e.Errors, "error"), moment(e.Until), pagesOf(e),
			brief(strings.Join(reasons, ", "), 100))
		if e.Runs > 1 {
			line += fmt.Sprintf(" (or in pages of %s)", plural(e.Runs-1, "other run"))
		}
		lines = append(lines, line)
	}
	lines = append(lines, fmt.Sprintf("find the records of a page with `sluice sync run %s --find-rejected %d/%d`", name,
		late[0].RunID, late[0].LastPage))
	return strings.Join(lines, "\n")
}

// pagesOf names pages of a run: RUN/PAGE, or RUN/FIRST-LAST.
func pagesOf(e syncclient.LateErrors) string {
	text := fmt.Sprintf("%d/%d", e.RunID, e.FirstPage)
	if e.LastPage > e.FirstPage {
		text += fmt.Sprintf("-%d", e.LastPage)
	}
	return text
}

// lateCell is the number of late errors of a run in a table.
func lateCell(n int64) string {
	if n == 0 {
		return "-"
	}
	return humanize.Comma(n)
}

const findRejectedName = "find-rejected"

func findRejectedFlag() cli.Flag {
	return &cli.StringFlag{
		Name:  findRejectedName,
		Usage: "search page `RUN/PAGE` for records that the target rejected later, instead of a run",
	}
}

// parsePage parses RUN/PAGE.
func parsePage(text string) (syncacts.PageRef, error) {
	run, page, ok := strings.Cut(text, "/")
	runID, err := strconv.ParseInt(run, 10, 64)
	number, err2 := strconv.ParseInt(page, 10, 64)
	if !ok || errors.Join(err, err2) != nil || runID < 1 || number < 1 {
		return syncacts.PageRef{}, exitWith(exitUsage, fmt.Errorf(
			"--%s %q: want RUN/PAGE, such as 12/3, as `sluice sync show` lists them", findRejectedName, text))
	}
	return syncacts.PageRef{RunID: runID, Page: number}, nil
}

// syncRun are the arguments of `sluice sync run`.
type syncRun struct {
	name string
	// page is the page to search instead of a run.
	page *syncacts.PageRef
}

func runArgs(c *cli.Context) (r syncRun, err error) {
	if c.IsSet(findRejectedName) {
		page, err := parsePage(c.String(findRejectedName))
		if err != nil {
			return r, err
		}
		r.page = &page
	}
	r.name, err = syncArg(c)
	return r, err
}

func runSync(ctx context.Context, s *session, r syncRun, client *syncclient.Syncs) error {
	if r.page == nil {
		return answerSync(ctx, s, client, r.name, client.Run(ctx, r.name, by(s.cli)),
			"sync %[1]s runs now; follow it with `sluice sync show %[1]s`")
	}
	return answerSync(ctx, s, client, r.name, client.FindRejected(ctx, r.name, *r.page, by(s.cli)),
		"sync %[1]s searches page %[2]s; `sluice sync show %[1]s` has the progress, "+
			"`sluice sync rejects %[1]s` the records that are found", r.page.String())
}

// searchLine describes a search for rejected records.
func searchLine(r syncclient.SyncRun) string {
	return fmt.Sprintf("%d, search of page %s %s: %s found after %s", r.ID, r.Find, r.Status, plural(r.Rejected, "record"),
		plural(r.Pages, "probe"))
}
