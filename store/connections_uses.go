package store

import (
	"context"
	"fmt"
)

// ConnectionUse is something that names a connection.
type ConnectionUse struct {
	// Kind is sync, schedule, import or flow.
	Kind string `json:"kind"`
	// Name is the name of the sync, the schedule or the flow, or the ID of the import.
	Name string `json:"name"`
}

// useImport is the kind of a use by an import.
const useImport = "import"

// ConnectionUses returns what names each connection, or one connection if name is not empty: syncs, schedules, imports
// that have not ended and flows in force, at most 10,000 beside flows. Jobs are not looked at, which RemoveConnection
// does: there are many. A flow that takes the connection from its event names none.
func (s *Store) ConnectionUses(ctx context.Context, name string) (map[string][]ConnectionUse, error) {
	rows, err := s.sql.Queries.ConnectionUses(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read what names connections: %w", err)
	}
	uses := map[string][]ConnectionUse{}
	for _, row := range rows {
		uses[row.Connection] = append(uses[row.Connection], ConnectionUse{Kind: row.Kind, Name: row.Name})
	}
	names := []string{name}
	if name == "" {
		all, err := s.ListConnections(ctx)
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		names = names[:0]
		for _, row := range all {
			names = append(names, row.Name)
		}
	}
	flows, err := s.sql.Queries.ListFlows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	for _, connection := range names {
		naming, err := flowsNaming(flows, connection)
		if err != nil {
			return nil, err
		}
		for _, flow := range naming {
			uses[connection] = append(uses[connection], ConnectionUse{Kind: "flow", Name: flow})
		}
	}
	return uses, nil
}
