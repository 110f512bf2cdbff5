package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/store"
)

// jobOrder is what people can do to many jobs at once.
type jobOrder struct {
	name, usage, done string
	give              func(*store.Store, context.Context, store.JobFilter, store.Order) (int64, error)
	// wakes says that jobs become due by it.
	wakes bool
}

func jobOrders() []jobOrder {
	return []jobOrder{
		{"retry", "make jobs due at once, with all their attempts before them", "retried", (*store.Store).RetryJobs, true},
		{"cancel", "end jobs that nobody has at the moment", "cancelled", (*store.Store).CancelJobs, false},
		{"hold", "keep jobs back until they are released", "held", (*store.Store).HoldJobs, false},
		{"release", "make held jobs due at once", "released", (*store.Store).ReleaseJobs, true},
	}
}

// whichJobs explains how jobs are picked, below each command that needs it.
const whichJobs = "Name jobs by their IDs, or pick them by flags, as `sluice job list` with the same flags\n" +
	"shows them; --all picks every one."

func jobOrderCommands() []*cli.Command {
	var all []*cli.Command
	for _, order := range jobOrders() {
		all = append(all, &cli.Command{
			Name: order.name, Usage: order.usage, ArgsUsage: "[ID...]", Description: whichJobs,
			Flags:  pickFlags(),
			Action: withSession(func(ctx context.Context, s *session) error { return orderJobs(ctx, s, order) }),
		})
	}
	return append(all,
		&cli.Command{
			Name: "replay", Usage: "load jobs once more, as new jobs of the same events", ArgsUsage: "[ID...]",
			Description: whichJobs, Flags: pickFlags(), Action: withSession(replayJobs),
		},
		&cli.Command{
			Name: "resolve", Usage: "settle unknown jobs, after a look at the destination", ArgsUsage: "[ID...]",
			Description: whichJobs,
			Flags: append(pickFlags(), &cli.StringFlag{
				Name: "as", Usage: "`STATE` that they come to be in: succeeded if they have arrived, or discarded; required",
			}),
			Action: withSession(resolveJobs),
		},
		&cli.Command{
			Name: "edit", Usage: "change what a job carries, and make it due at once", ArgsUsage: "ID",
			Description: "What it has carried before is kept, and shown by `sluice job show`.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "data", Usage: "the new data: a `JSON` object, or @FILE, or - for standard input"},
				&cli.StringFlag{Name: "context", Usage: "the new context: a `JSON` object, or @FILE, or - for standard input"},
				byFlag(), jobReasonFlag(), outputFlag(),
			},
			Action: withSession(editJob),
		},
	)
}

func jobReasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "say why by this `TEXT`, which goes into the jobs' history"}
}

func pickFlags() []cli.Flag {
	all := &cli.BoolFlag{Name: "all", Usage: "every job"}
	return append(jobPickFlags(), all, byFlag(), jobReasonFlag(), outputFlag())
}

// orderOf says who gives an order to jobs, and why.
func orderOf(c *cli.Context) store.Order {
	return store.Order{By: whoami(c), Reason: why(c)}
}

// picked returns the jobs that an order is for: either IDs, or a filter.
func picked(c *cli.Context) (ids []string, f store.JobFilter, err error) {
	f, set, err := jobPick(c)
	if err != nil {
		return nil, f, err
	}
	ids = c.Args().Slice()
	ways := 0
	for _, way := range []bool{len(ids) > 0, set, c.Bool("all")} {
		if way {
			ways++
		}
	}
	if ways == 1 {
		return ids, f, nil
	}
	want := "say which jobs"
	if ways > 1 {
		want = "say in one way which jobs"
	}
	return nil, f, fmt.Errorf("%s: want IDs, or flags that pick them, or --all: see `%s --help`", want, c.Command.HelpName)
}

func orderJobs(ctx context.Context, s *session, order jobOrder) error {
	ids, filter, err := picked(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	by := orderOf(s.cli)
	give := func(f store.JobFilter) (int64, error) { return order.give(opened, ctx, f, by) }
	moved, err := giveEach(ctx, opened, ids, filter, order.done, give)
	if err != nil && moved == 0 {
		return err
	}
	if order.wakes && moved > 0 {
		err = errors.Join(err, wakeDue(ctx, s, opened))
	}
	return errors.Join(answerJobs(s.cli, order.done, moved), err)
}

// giveEach gives an order to the jobs that a filter picks or, one by one, to those of IDs:
// whoever names a job wants to know if it could not be done. It returns how many it was done
// to, also with an error.
func giveEach(
	ctx context.Context, opened *store.Store, ids []string, f store.JobFilter, done string,
	give func(store.JobFilter) (int64, error),
) (moved int64, err error) {
	if len(ids) == 0 {
		return give(f)
	}
	var faults []error
	for _, id := range ids {
		n, err := give(store.JobFilter{IDs: []string{id}})
		moved += n
		if err == nil && n == 0 {
			err = refusal(ctx, opened, id, done)
		}
		faults = append(faults, err)
	}
	return moved, errors.Join(faults...)
}

// refusal says why an order could not be carried out.
func refusal(ctx context.Context, opened *store.Store, id, done string) error {
	job, err := opened.Job(ctx, id)
	if err != nil {
		return err
	}
	return fmt.Errorf("job %s is %s: it cannot be %s", id, job.State, done)
}

// answerJobs says what was done. What was done to none, of jobs that were picked by a
// filter, is worth a line, too.
func answerJobs(c *cli.Context, done string, moved int64) error {
	if asJSON(c) {
		return writeJSON(c, map[string]any{"order": done, "jobs": moved})
	}
	return say(c, "%s %s", done, manyJobs(moved))
}

func manyJobs(n int64) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

func resolveJobs(ctx context.Context, s *session) error {
	as := s.cli.String("as")
	if as != store.JobSucceeded && as != store.JobDiscarded {
		return fmt.Errorf("--as %q: want %s or %s", as, store.JobSucceeded, store.JobDiscarded)
	}
	return orderJobs(ctx, s, jobOrder{
		done: "resolved as " + as,
		give: func(opened *store.Store, ctx context.Context, f store.JobFilter, o store.Order) (int64, error) {
			return opened.ResolveJobs(ctx, f, as == store.JobSucceeded, o)
		},
	})
}

func replayJobs(ctx context.Context, s *session) error {
	c := s.cli
	ids, filter, err := picked(c)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		// One that there is not would be left out in silence.
		if _, err := opened.Job(ctx, id); err != nil {
			return err
		}
	}
	filter.IDs = ids
	added, page := []string{}, store.Page{Limit: store.MaxPage}
	for {
		some, next, err := opened.ReplayJobs(ctx, filter, page, orderOf(c))
		added = append(added, some...)
		if err != nil {
			return errors.Join(answerReplayed(c, added), err)
		}
		if next == "" {
			return errors.Join(answerReplayed(c, added), wakeDue(ctx, s, opened))
		}
		page.Before = next
	}
}

func answerReplayed(c *cli.Context, added []string) error {
	if asJSON(c) {
		return writeJSON(c, map[string]any{"order": "replayed", "jobs": len(added), "ids": added})
	}
	if len(added) == 0 || len(added) > 20 {
		return say(c, "replayed %s", manyJobs(int64(len(added))))
	}
	return say(c, "replayed %s, as\n  %s", manyJobs(int64(len(added))), strings.Join(added, "\n  "))
}

func editJob(ctx context.Context, s *session) error {
	c := s.cli
	id, err := jobArg(c)
	if err != nil {
		return err
	}
	if !c.IsSet("data") && !c.IsSet("context") {
		return errors.New("say what is to be changed: --data, --context or both")
	}
	payloads := map[string]json.RawMessage{}
	for _, name := range []string{"data", "context"} {
		if payloads[name], err = payloadFlag(c, name); err != nil {
			return err
		}
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	if err := opened.EditAndRetry(ctx, id, payloads["context"], payloads["data"], orderOf(c)); err != nil {
		return err
	}
	if err := wakeDue(ctx, s, opened); err != nil {
		return err
	}
	if asJSON(c) {
		view, err := jobView(ctx, opened, id)
		if err != nil {
			return err
		}
		return writeJSON(c, view)
	}
	return say(c, "changed job %s: it is due now", id)
}

// payloadFlag reads a flag that holds a JSON object, @FILE or - for standard input; nil if it
// was not given.
func payloadFlag(c *cli.Context, name string) (json.RawMessage, error) {
	if !c.IsSet(name) {
		return nil, nil
	}
	text, err := readText(c, name, c.String(name))
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, fmt.Errorf("--%s is not a JSON object: want something like '{\"name\": \"value\"}'", name)
	}
	return text, nil
}
