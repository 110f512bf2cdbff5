package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

func auditCommand() *cli.Command {
	return group("audit", "show who has changed what",
		&cli.Command{
			Name: "list", Usage: "list changes, newest first",
			Flags: slices.Concat([]cli.Flag{
				&cli.StringFlag{Name: "site", Usage: "filter by site `DOMAIN`"},
				&cli.StringFlag{Name: "who", Usage: "filter by the `NAME` of a person or a token"},
				&cli.StringFlag{Name: "operation", Usage: "filter by operation `NAME`, such as import.start"},
				&cli.StringFlag{Name: "subject-type", Usage: "filter by the `TYPE` of what was changed, such as import"},
				&cli.StringFlag{Name: "subject", Usage: "filter by the `ID` or name of what was changed"},
				&cli.StringFlag{Name: "since", Usage: "filter by changes at or after `TIME`; 2h means two hours ago"},
				&cli.StringFlag{Name: "until", Usage: "filter by changes before `TIME`"},
			}, pageFlags(), []cli.Flag{outputFlag()}),
			Action: withSession(listAudit),
		},
	)
}

func listAudit(ctx context.Context, s *session) error {
	c := s.cli
	filter, page, err := auditPick(c)
	if err != nil {
		return err
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	entries, err := client.Audit(ctx, filter, page)
	if err != nil {
		return err
	}
	written, err := withoutTable(c, convert.Slice(entries, accessclient.AuditEntryOf), len(entries), "changes",
		"No changes found.")
	if written {
		return err
	}
	table := terminal.NewTable("ID", "AT", "WHO", "DOOR", "OPERATION", "SUBJECT", "SITE", "ERROR")
	for _, e := range entries {
		table.Row(terminal.Ordinal(e.ID), when(&e.At), e.Who, e.Door, e.Operation, e.SubjectType+" "+e.SubjectID, e.Site,
			brief(e.Error, 80))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	return nextPage(c, len(entries), strconv.FormatInt(entries[len(entries)-1].ID, 10))
}

func auditPick(c *cli.Context) (f accessstore.AuditFilter, p accessstore.Page, err error) {
	f = accessstore.AuditFilter{
		Site: c.String("site"), Who: c.String("who"), Operation: c.String("operation"),
		SubjectType: c.String("subject-type"), SubjectID: c.String("subject"),
	}
	if f.Since, err = timeFlag(c, "since"); err != nil {
		return f, p, err
	}
	if f.Until, err = timeFlag(c, "until"); err != nil {
		return f, p, err
	}
	limit, err := limitFlag(c, accessstore.MaxPage)
	if err != nil {
		return f, p, err
	}
	p.Limit = int32(limit)
	if text := c.String("before"); text != "" {
		if p.Before, err = strconv.ParseInt(text, 10, 64); err != nil || p.Before < 1 {
			return f, p, fmt.Errorf("--before %q: want the ID of an entry", text)
		}
	}
	return f, p, nil
}
