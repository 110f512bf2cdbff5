package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
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

// auditJSON is the JSON form of an entry. Fields are only ever added.
type auditJSON struct {
	ID          int64     `json:"id"`
	At          time.Time `json:"at"`
	Who         string    `json:"who"`
	Kind        string    `json:"kind"`
	Door        string    `json:"door"`
	Address     string    `json:"address"`
	RequestID   string    `json:"request_id"`
	Operation   string    `json:"operation"`
	SubjectType string    `json:"subject_type"`
	SubjectID   string    `json:"subject_id"`
	// Site is empty for what belongs to no site.
	Site   string          `json:"site"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
	// Error is why the change has failed, or has failed in part.
	Error string `json:"error"`
}

func auditView(e accessstore.Entry) auditJSON {
	return auditJSON{
		ID: e.ID, At: e.At, Who: e.Who, Kind: e.Kind, Door: e.Door, Address: e.Address, RequestID: e.RequestID,
		Operation: e.Operation, SubjectType: e.SubjectType, SubjectID: e.SubjectID, Site: e.Site, Before: e.Before,
		After: e.After, Error: e.Error,
	}
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
	if asJSON(c) {
		views := make([]auditJSON, len(entries))
		for i, e := range entries {
			views[i] = auditView(e)
		}
		return writeJSON(c, views)
	}
	if len(entries) == 0 {
		return nothing(c, "changes", "No changes found.")
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
