package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// jobCommands are the commands to many jobs, with what they do.
var jobCommands = []struct {
	command deliverystore.JobCommand
	usage   string
}{
	{deliverystore.CommandRetry, "retry jobs now and reset their attempts"},
	{deliverystore.CommandCancel, "cancel jobs that are not executing"},
	{deliverystore.CommandHold, "hold jobs until they are released"},
	{deliverystore.CommandRelease, "release held jobs and deliver them now"},
}

// whichJobs describes the selection of jobs.
const whichJobs = "Select jobs by ID or by filter; count those of a filter with --dry-run. --all selects every job."

func jobControlCommands() []*cli.Command {
	var all []*cli.Command
	for _, one := range jobCommands {
		all = append(all, &cli.Command{
			Name: string(one.command), Usage: one.usage, ArgsUsage: "[ID...]", Description: whichJobs,
			Flags:  pickFlags(),
			Action: withSession(func(ctx context.Context, s *session) error { return changeJobs(ctx, s, one.command) }),
		})
	}
	return append(all,
		&cli.Command{
			Name: "replay", Usage: "replay jobs as new jobs of the same events", ArgsUsage: "[ID...]",
			Description: whichJobs, Flags: pickFlags(), Action: withArg(selected, (*session).jobs, replayJobs),
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
	count := &cli.BoolFlag{Name: "dry-run", Usage: "count the jobs, and change none"}
	return append(jobPickFlags(), all, count, byFlag(), jobReasonFlag(), outputFlag())
}

// selected returns the selected jobs: either IDs, or a filter.
func selected(c *cli.Context) (deliveryclient.Selection, error) {
	f, set, err := jobPick(c)
	if err != nil {
		return deliveryclient.Selection{}, err
	}
	selection := deliveryclient.Selection{IDs: c.Args().Slice(), All: c.Bool("all")}
	if set {
		selection.Filter = &f
	}
	if err := selection.Validate(); err != nil {
		fault, _, _ := strings.Cut(err.Error(), ":")
		return selection, fmt.Errorf("%s: want IDs, filters or --all: see `%s --help`", fault, c.Command.HelpName)
	}
	return selection, nil
}

func changeJobs(ctx context.Context, s *session, command deliverystore.JobCommand) error {
	selection, err := selected(s.cli)
	if err != nil {
		return err
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return err
	}
	if s.cli.Bool("dry-run") {
		n, err := jobs.CountChanges(ctx, command, selection)
		return answerDryRun(s.cli, deliveryclient.Done(command), n, err)
	}
	changed, err := jobs.Change(ctx, command, selection, by(s.cli))
	if err != nil && changed == 0 {
		return err
	}
	return errors.Join(answerJobs(s.cli, deliveryclient.Done(command), changed), err)
}

// answerDryRun writes the number of jobs that a command would change.
func answerDryRun(c *cli.Context, done string, n int64, err error) error {
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"result": done, "jobs": n, "dry_run": true}, "%s would be %s", manyJobs(n), done)
}

// answerJobs writes the result of a command, also if a filter matched no job.
func answerJobs(c *cli.Context, done string, moved int64) error {
	return answer(c, map[string]any{"result": done, "jobs": moved}, "%s %s", done, manyJobs(moved))
}

func manyJobs(n int64) string {
	return plural(n, "job")
}

func resolveJobs(ctx context.Context, s *session) error {
	as := s.cli.String("as")
	if as != deliverystore.JobSucceeded && as != deliverystore.JobDiscarded {
		return fmt.Errorf("--as %q: want %s or %s", as, deliverystore.JobSucceeded, deliverystore.JobDiscarded)
	}
	if as == deliverystore.JobSucceeded {
		return changeJobs(ctx, s, deliverystore.CommandSucceed)
	}
	return changeJobs(ctx, s, deliverystore.CommandDiscard)
}

func replayJobs(ctx context.Context, s *session, selection deliveryclient.Selection, jobs deliveryclient.Jobs) error {
	c := s.cli
	if c.Bool("dry-run") {
		n, err := jobs.CountReplay(ctx, selection)
		return answerDryRun(c, "replayed", n, err)
	}
	added, err := jobs.Replay(ctx, selection, by(c))
	if err != nil && len(added) == 0 {
		return err
	}
	return errors.Join(answerReplayed(c, added), err)
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
	jobs, err := s.jobs(ctx)
	if err != nil {
		return err
	}
	if err := jobs.Edit(ctx, id, payloads["context"], payloads["data"], by(c)); err != nil {
		return err
	}
	if asJSON(c) {
		view, err := jobs.Show(ctx, id)
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
