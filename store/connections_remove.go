package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/internal/db"
)

// mostJobsLooked bounds how many jobs are looked at before a connection is removed.
const mostJobsLooked = 100_000

// RemoveConnection removes a connection. Unless forced it refuses, with ErrInUse, while an
// import that has not ended names the connection in its arguments, a sync or a schedule names
// it, a job that is still to be delivered names it in its data, or a flow in force names it;
// the error says which. It
// looks once: what is created at the same time finds no connection. Of the jobs it looks at
// 100,000; if more are to be delivered it refuses, too, because it cannot know. The error is
// ErrNotFound if there is no such connection.
func (s *Store) RemoveConnection(ctx context.Context, name string, force bool) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		if !force {
			users, err := connectionUsers(ctx, q, name)
			if err != nil {
				return fmt.Errorf("look for what uses connection %s: %w", name, err)
			}
			if len(users) > 0 {
				return fmt.Errorf("connection %s: %s: %w", name, strings.Join(users, "; "), ErrInUse)
			}
		}
		before, err := q.ConnectionByName(ctx, name)
		if err != nil {
			return Found(err, "connection %s", name)
		}
		NoteChange(ctx, connectionDocument(before), nil)
		n, err := q.DeleteConnection(ctx, name)
		if err != nil {
			return fmt.Errorf("remove connection %s: %w", name, err)
		}
		if n == 0 {
			return fmt.Errorf("connection %s: %w", name, ErrNotFound)
		}
		return nil
	})
}

// connectionUsers says what names a connection.
func connectionUsers(ctx context.Context, q *db.Queries, name string) ([]string, error) {
	var users []string
	user, err := q.ConnectionUser(ctx, name)
	switch {
	case err == nil:
		users = append(users, fmt.Sprintf("import %d is %s", user.ID, user.Status))
	case !errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("read imports: %w", err)
	}
	uses, err := q.ConnectionUses(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read syncs and schedules: %w", err)
	}
	for _, use := range uses {
		if use.Kind != useImport {
			users = append(users, "named by "+use.Kind+" "+use.Name)
		}
	}
	jobs, err := q.ConnectionJobs(ctx, name, mostJobsLooked)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	if waiting := jobsNaming(jobs, mostJobsLooked); waiting != "" {
		users = append(users, waiting)
	}
	flows, err := q.ListFlows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	naming, err := flowsNaming(flows, name)
	if len(naming) > 0 {
		users = append(users, "named by flow "+strings.Join(naming, ", "))
	}
	return users, err
}

// jobsNaming says how many jobs of which actions name a connection, "" if none does. most bounds
// how many were looked at.
func jobsNaming(counts []db.ConnectionJobsRow, most int64) string {
	var looked int64
	var actions []string
	for _, n := range counts {
		looked += n.Looked
		if n.Jobs == 0 {
			continue
		}
		jobs := "1 job"
		if n.Jobs > 1 {
			jobs = fmt.Sprintf("%d jobs", n.Jobs)
		}
		actions = append(actions, fmt.Sprintf("%s of %s/%s", jobs, n.Destination, n.Action))
	}
	partly := looked >= most
	switch {
	case len(actions) == 0 && partly:
		return fmt.Sprintf("too many jobs are to be delivered to know: none of the %d that were looked at names it", looked)
	case len(actions) == 0:
		return ""
	}
	text := strings.Join(actions, ", ") + " to be delivered"
	if partly {
		text += fmt.Sprintf(", among the %d that were looked at", looked)
	}
	return text
}

// flowsNaming returns the names of the flows in force of which a step gives its action the
// connection. What the connection is, is an expression: the name is looked for as a text in
// it. An expression that takes it from the event may come to any name, and is none.
func flowsNaming(flows []db.Flow, name string) ([]string, error) {
	var naming []string
	for _, f := range flows {
		var spec struct {
			Disabled bool `json:"disabled"`
			To       []struct {
				Data map[string]any `json:"data"`
			} `json:"to"`
		}
		if err := json.Unmarshal(f.Spec, &spec); err != nil {
			return nil, fmt.Errorf("flow %s: %w", f.Name, err)
		}
		if spec.Disabled {
			continue
		}
		for _, step := range spec.To {
			if text, ok := step.Data["connection"].(string); ok && quotes(text, name) {
				naming = append(naming, f.Name)
				break
			}
		}
	}
	return naming, nil
}

// quotes says whether an expression has a text, in any of its quotation marks.
func quotes(expression, text string) bool {
	for _, mark := range []string{`"`, "'", "`"} {
		if strings.Contains(expression, mark+text+mark) {
			return true
		}
	}
	return false
}
