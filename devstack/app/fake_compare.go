package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/listcompare"
)

func fakeCompareCommand(hooks Hooks) *cli.Command {
	return &cli.Command{
		Name:  "compare",
		Usage: "compare the members of the fake Mailchimp with the contacts of the fake Ometria",
		Description: "Compares every field, counts what is equal, and names what is not. It shares no code with\n" +
			"list sync. Members that differ without a reason are an error.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "mailchimp", Required: true, Usage: "`URL` of the fake Mailchimp"},
			&cli.StringFlag{Name: "ometria", Required: true, Usage: "`URL` of the fake Ometria"},
			&cli.StringFlag{Name: "list", Value: fakemailchimp.List, Usage: "compare the list with this `ID`"},
			&cli.TimestampFlag{
				Name: "until", Layout: time.RFC3339, Usage: "count members that changed after this `TIME` as part of the next run",
			},
		},
		Action: func(c *cli.Context) error { return fakeCompare(c, hooks) },
	}
}

func fakeCompare(c *cli.Context, hooks Hooks) error {
	in := listcompare.Input{List: c.String("list")}
	if until := c.Timestamp("until"); until != nil {
		in.Until = *until
	}
	members := c.String("mailchimp") + "/control/members?list=" + url.QueryEscape(in.List)
	if err := getJSON(c.Context, members, &in.Members); err != nil {
		return err
	}
	if err := getJSON(c.Context, c.String("ometria")+"/control/contacts", &in.Contacts); err != nil {
		return err
	}
	report := listcompare.Compare(in)
	if err := writeComparison(hooks, report); err != nil {
		return err
	}
	if n := len(report.Different); n > 0 {
		return fmt.Errorf("differences between the list and its contacts: %d", n)
	}
	return nil
}

// maxDifferences bounds the differences that are shown.
const maxDifferences = 20

func writeComparison(hooks Hooks, r listcompare.Report) error {
	lines := []string{fmt.Sprintf("%9d members of the list", r.Members)}
	for _, count := range []struct {
		n    int
		what string
	}{
		{r.Equal, "equal to their contacts in every field"},
		{r.Held, "subscribed again, and held opted out by Ometria: an opt-out wins without @force_optin"},
		{r.Later, "changed after the end of the window: part of the next run"},
		{r.Gone, "contacts without a member, opted out"},
		{len(r.Different), "different"},
	} {
		lines = append(lines, fmt.Sprintf("%9d %s", count.n, count.what))
	}
	for _, line := range append(lines, r.Different[:min(len(r.Different), maxDifferences)]...) {
		if _, err := fmt.Fprintln(hooks.Stdout, line); err != nil {
			return fmt.Errorf("write the comparison: %w", err)
		}
	}
	return nil
}

// compareTimeout bounds a request to a fake.
const compareTimeout = time.Minute

// getJSON reads what a fake of this machine tells.
func getJSON(ctx context.Context, address string, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: URL of a fake: %w", errUsage, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("read from a fake: %w", err)
	}
	defer func() {
		if closed := response.Body.Close(); err == nil && closed != nil {
			err = fmt.Errorf("read from a fake: %w", closed)
		}
	}()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("read %s: %s: want a fake of sluice-dev", address, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	return nil
}
