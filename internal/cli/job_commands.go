package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// jobCommandKind is a command to many jobs.
type jobCommandKind struct {
	name, usage, done string
	give              func(
		*deliverystore.Store, context.Context, deliverystore.JobFilter, deliverystore.Order,
	) (int64, error)
	// wakes: the command makes jobs due.
	wakes bool
}

func jobCommandKinds() []jobCommandKind {
	return []jobCommandKind{
		{"retry", "retry jobs now and reset their attempts", "retried", (*deliverystore.Store).RetryJobs, true},
		{"cancel", "cancel jobs that are not executing", "cancelled", (*deliverystore.Store).CancelJobs, false},
		{"hold", "hold jobs until they are released", "held", (*deliverystore.Store).HoldJobs, false},
		{"release", "release held jobs and deliver them now", "released", (*deliverystore.Store).ReleaseJobs, true},
	}
}

// whichJobs describes the selection of jobs.
const whichJobs = "Select jobs by ID or by filter; preview a filter with `sluice job list`. --all selects every job."

func jobControlCommands() []*cli.Command {
	var all []*cli.Command
	for _, order := range jobCommandKinds() {
		all = append(all, &cli.Command{
			Name: order.name, Usage: order.usage, ArgsUsage: "[ID...]", Description: whichJobs,
			Flags:  pickFlags(),
			Action: withSession(func(ctx context.Context, s *session) error { return orderJobs(ctx, s, order) }),
		})
	}
	return append(all,
		&cli.Command{
			Name: "replay", Usage: "replay jobs as new jobs of the same events", ArgsUsage: "[ID...]",
			Description: whichJobs, Flags: pickFlags(), Action: withSession(replayJobs),
		},
		&cli.Command{
			Name: "resolve", Usage: "set the outcome of unknown jobs", ArgsUsage: "[ID...]",
			Description: whichJobs,
			Flags: append(pickFlags(), &cli.StringFlag{
				Name: "as", Usage: "new `STATE`: succeeded (they were delivered) or discarded; required",
			}),
			Action: withSession(resolveJobs),
		},
		&cli.Command{
			Name: "edit", Usage: "change the payload of a job and retry it now", ArgsUsage: "ID",
			Description: "`sluice job show` lists earlier payloads.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "data", Usage: "new data as a `JSON` object, @FILE, or - for standard input"},
				&cli.StringFlag{Name: "context", Usage: "new context as a `JSON` object, @FILE, or - for standard input"},
				byFlag(), jobReasonFlag(), outputFlag(),
			},
			Action: withSession(editJob),
		},
	)
}

func jobReasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT` in the history of the jobs"}
}

func pickFlags() []cli.Flag {
	all := &cli.BoolFlag{Name: "all", Usage: "select every job"}
	return append(jobPickFlags(), all, byFlag(), jobReasonFlag(), outputFlag())
}

// orderOf returns the author and the reason of a command to jobs.
func orderOf(c *cli.Context) deliverystore.Order {
	return deliverystore.Order{By: whoami(c), Reason: why(c)}
}

// picked returns the selected jobs: either IDs, or a filter.
func picked(c *cli.Context) (ids []string, f deliverystore.JobFilter, err error) {
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
	fault := "no jobs selected"
	if ways > 1 {
		fault = "conflicting selections of jobs"
	}
	return nil, f, fmt.Errorf("%s: want IDs, filters or --all: see `%s --help`", fault, c.Command.HelpName)
}

func orderJobs(ctx context.Context, s *session, order jobCommandKind) error {
	ids, filter, err := picked(s.cli)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	by := orderOf(s.cli)
	give := func(f deliverystore.JobFilter) (int64, error) { return order.give(opened.Deliveries, ctx, f, by) }
	moved, err := giveEach(ctx, opened, ids, filter, order.done, give)
	if err != nil && moved == 0 {
		return err
	}
	if order.wakes && moved > 0 {
		err = errors.Join(err, notifyDue(ctx, opened))
	}
	return errors.Join(answerJobs(s.cli, order.done, moved), err)
}

// giveEach applies a command to the jobs of a filter or, one by one, to those of IDs, with an error
// for each that it does not apply to. It returns the number of changed jobs, also with an error.
func giveEach(
	ctx context.Context, opened *dispatchstore.Store, ids []string, f deliverystore.JobFilter, done string,
	give func(deliverystore.JobFilter) (int64, error),
) (moved int64, err error) {
	if len(ids) == 0 {
		return give(f)
	}
	var faults []error
	for _, id := range ids {
		n, err := give(deliverystore.JobFilter{IDs: []string{id}})
		moved += n
		if err == nil && n == 0 {
			err = refusal(ctx, opened, id, done)
		}
		faults = append(faults, err)
	}
	return moved, errors.Join(faults...)
}

// refusal is the error of a command that does not apply to a job.
func refusal(ctx context.Context, opened *dispatchstore.Store, id, done string) error {
	job, err := opened.Deliveries.Job(ctx, id)
	if err != nil {
		return err
	}
	return fmt.Errorf("job %s is %s: it cannot be %s", id, job.State, done)
}

// answerJobs writes the result of a command, also if a filter matched no job.
func answerJobs(c *cli.Context, done string, moved int64) error {
	if asJSON(c) {
		return writeJSON(c, map[string]any{"result": done, "jobs": moved})
	}
	return say(c, "%s %s", done, manyJobs(moved))
}

func manyJobs(n int64) string {
	return plural(n, "job")
}

func resolveJobs(ctx context.Context, s *session) error {
	as := s.cli.String("as")
	if as != deliverystore.JobSucceeded && as != deliverystore.JobDiscarded {
		return fmt.Errorf("--as %q: want %s or %s", as, deliverystore.JobSucceeded, deliverystore.JobDiscarded)
	}
	return orderJobs(ctx, s, jobCommandKind{
		done: "resolved as " + as,
		give: func(
			opened *deliverystore.Store, ctx context.Context, f deliverystore.JobFilter, o deliverystore.Order,
		) (int64, error) {
			return opened.ResolveJobs(ctx, f, as == deliverystore.JobSucceeded, o)
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
		// The query would skip an unknown ID silently.
		if _, err := opened.Deliveries.Job(ctx, id); err != nil {
			return err
		}
	}
	filter.IDs = ids
	added, page := []string{}, deliverystore.Page{Limit: deliverystore.MaxPage}
	for {
		some, next, err := opened.Deliveries.ReplayJobs(ctx, filter, page, orderOf(c))
		added = append(added, some...)
		if err != nil {
			return errors.Join(answerReplayed(c, added), err)
		}
		if next == "" {
			return errors.Join(answerReplayed(c, added), notifyDue(ctx, opened))
		}
		page.Before = next
	}
}

func answerReplayed(c *cli.Context, added []string) error {
	if asJSON(c) {
		return writeJSON(c, map[string]any{"result": "replayed", "jobs": len(added), "ids": added})
	}
	if len(added) == 0 || len(added) > 20 {
		return say(c, "replayed %s", manyJobs(int64(len(added))))
	}
	return say(c, "replayed %s as\n  %s", manyJobs(int64(len(added))), strings.Join(added, "\n  "))
}

func editJob(ctx context.Context, s *session) error {
	c := s.cli
	id, err := jobArg(c)
	if err != nil {
		return err
	}
	if !c.IsSet("data") && !c.IsSet("context") {
		return errors.New("nothing to change: want --data or --context")
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
	if err := opened.Deliveries.EditAndRetry(ctx, id, payloads["context"], payloads["data"], orderOf(c)); err != nil {
		return err
	}
	if err := notifyDue(ctx, opened); err != nil {
		return err
	}
	if asJSON(c) {
		view, err := jobView(ctx, s, opened, id)
		if err != nil {
			return err
		}
		return writeJSON(c, view)
	}
	return say(c, "changed job %s; it is due now", id)
}

// payloadFlag returns the JSON object of a flag, given as JSON, @FILE or - for standard input; nil if
// the flag is not set.
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
		return nil, fmt.Errorf("--%s is not a JSON object: want an object such as '{\"name\": \"value\"}'", name)
	}
	return text, nil
}
