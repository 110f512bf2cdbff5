package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
)

// defaultMembers is the number of members of the list in the example of the original importer.
const defaultMembers = 46134

func fakeMailchimpCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "mailchimp",
		Usage: "serve Mailchimp's API with a list of generated members",
		Description: "Takes the key that it prints, and allows 10 connections at a time as Mailchimp does.\n" +
			"POST /control/faults makes calls fail; DELETE /control/changes ends the changes; GET /control/members\n" +
			"has all members.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: config.DefaultFakeMailchimpAddress, Usage: "`host:port` to listen on"},
			&cli.IntFlag{Name: "members", Value: defaultMembers, Usage: "generate `N` members"},
			&cli.IntFlag{Name: "changes", Usage: "change `N` members a minute"},
			&cli.Uint64Flag{Name: "seed", Usage: "change other members, by `NUMBER`"},
		},
		Action: func(c *cli.Context) error { return fakeMailchimp(c, hooks) },
	}
}

func fakeMailchimp(c *cli.Context, hooks Hooks) error {
	members, changes := c.Int("members"), c.Int("changes")
	if members < 0 || changes < 0 || changes > 0 && members == 0 {
		return fmt.Errorf("%w: --members and --changes: want 0 or more, and members to change", errUsage)
	}
	fake := fakemailchimp.New(fakemailchimp.Config{})
	now := time.Now()
	all := make([]fakemailchimp.Member, members)
	for i := range all {
		all[i] = generated(i, now.Add(-time.Duration(members-i)*time.Minute))
	}
	fake.Put(all...)
	changer := newChanger(fake, members, c.Uint64("seed"))
	mux := http.NewServeMux()
	mux.Handle("/", fake)
	mux.HandleFunc("DELETE /control/changes", changer.end)
	return serveFake(c, mux, func(ctx context.Context, url string) error {
		if changes > 0 {
			go changer.run(ctx, time.Minute/time.Duration(changes))
		}
		return explainMailchimp(hooks.Stdout, url)
	})
}

// generated is member number i, who changed at a time.
func generated(i int, at time.Time) fakemailchimp.Member {
	m := fakemailchimp.Member{
		Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: at, OptedIn: at,
		MergeFields: map[string]any{"FNAME": fmt.Sprintf("First %d", i), "LNAME": fmt.Sprintf("Last %d", i)},
	}
	switch {
	case i%50 == 7:
		m.Status = "unsubscribed"
	case i%200 == 9:
		m.MergeFields = map[string]any{}
	}
	return m
}

func fakeOmetriaCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "ometria",
		Usage: "serve Ometria's Data API, which counts and merges records",
		Description: "Takes the key that it prints, and 8 requests a second as Ometria does.\n" +
			"POST /control/faults makes calls fail; GET /control/records counts what it has, and GET /control/contacts\n" +
			"has all of it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: config.DefaultFakeOmetriaAddress, Usage: "`host:port` to listen on"},
			&cli.IntFlag{Name: "rate", Value: fakeometria.DefaultRate, Usage: "allow `N` requests a second; -1 is no limit"},
		},
		Action: func(c *cli.Context) error { return fakeOmetria(c, hooks) },
	}
}

func fakeOmetria(c *cli.Context, hooks Hooks) error {
	if rate := c.Int("rate"); rate == 0 || rate < -1 {
		return fmt.Errorf("%w: --rate %d: want 1 or more, or -1 for no limit", errUsage, rate)
	}
	fake := fakeometria.New(fakeometria.Config{Rate: c.Int("rate"), Queue: -1})
	return serveFake(c, fake, func(_ context.Context, url string) error { return explainOmetria(hooks.Stdout, url) })
}

// explainMailchimp says what to type to read from the fake.
func explainMailchimp(out io.Writer, url string) error {
	_, err := fmt.Fprintln(out, strings.TrimSpace(`
Mailchimp, without Mailchimp, at `+url+`. Ctrl-C stops it.

To read from it, beside `+"`sluice-dev up`"+`:

  export MAILCHIMP_APIKEY=`+fakemailchimp.Key+`
  sluice connection add mc --kind mailchimp --set endpoint=`+url+`/3.0 --secret api_key=env:MAILCHIMP_APIKEY
  sluice connection test mc

Then run `+"`sluice-dev fake ometria`"+` in another terminal, which prints the rest.

To let things go wrong:

  curl -d '{"method": "members", "status": 503, "times": 3}' `+url+`/control/faults
  curl -X DELETE `+url+`/control/faults`))
	if err != nil {
		return fmt.Errorf("write instructions: %w", err)
	}
	return nil
}

// explainOmetria says what to type to write to the fake.
func explainOmetria(out io.Writer, url string) error {
	_, err := fmt.Fprintln(out, strings.TrimSpace(`
Ometria, without Ometria, at `+url+`. Ctrl-C stops it.

To write to it, beside `+"`sluice-dev up` and `sluice-dev fake mailchimp`"+`:

  export OMETRIA_APIKEY=`+fakeometria.Key+`
  sluice connection add om --kind ometria --set endpoint=`+url+`/v2 --secret api_key=env:OMETRIA_APIKEY
  sluice connection test om
  sluice sync create news --from mailchimp:mc --list `+fakemailchimp.List+` --to ometria:om --every 2h
  sluice sync show news
  sluice sync set news latest_timestamp=null && sluice sync run news
  curl `+url+`/control/records

To let things go wrong:

  curl -d '{"method": "push", "status": 503, "times": 3}' `+url+`/control/faults
  curl -X DELETE `+url+`/control/faults`))
	if err != nil {
		return fmt.Errorf("write instructions: %w", err)
	}
	return nil
}
