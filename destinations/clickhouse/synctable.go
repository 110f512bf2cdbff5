package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/sync"
)

// syncTable is a table that a sync writes to.
type syncTable struct {
	table
	// final reads rows as if all were replaced already, "" for a table with a version column: there an older version that
	// is delivered late is replaced at once.
	final string
}

// syncTable looks a table up. The error is that of an operator if its rows do not replace those with the same key.
func (s *server) syncTable(ctx context.Context, o sync.TargetOptions) (*syncTable, error) {
	described, err := s.describe(ctx, o.Table)
	if err != nil {
		return nil, err
	}
	database, name, ok := strings.Cut(o.Table, ".")
	if !ok {
		database, name = "", o.Table
	}
	where := "database = currentDatabase()"
	if database != "" {
		where = "database = " + literal(database)
	}
	var rows []struct {
		Engine     string `json:"engine"`
		EngineFull string `json:"engine_full"`
		SortingKey string `json:"sorting_key"`
	}
	if _, err := s.query(ctx, "SELECT engine, engine_full, sorting_key FROM system.tables WHERE "+where+" AND name = "+
		literal(name)+" FORMAT JSON", &rows); err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, errUnreadable
	}
	t := &syncTable{table: described}
	if !strings.HasSuffix(rows[0].Engine, replacing) || !sameColumns(rows[0].SortingKey, o.Key) {
		return nil, destinations.WithClass(destinations.ErrorClassOperator, fmt.Errorf(
			"the engine is %s with the sort key (%s): want one of the ReplacingMergeTree family with ORDER BY (%s), "+
				"whose rows replace those with the same key", rows[0].Engine, rows[0].SortingKey, strings.Join(o.Key, ", ")))
	}
	for _, column := range o.Key {
		if described.columns[column].computed {
			return nil, destinations.WithClass(destinations.ErrorClassOperator,
				errors.New("the table computes a column of its sort key: want one that a row can fill"))
		}
	}
	if !versioned(rows[0].EngineFull) {
		t.final = " FINAL"
	}
	return t, nil
}

// replacing ends the names of engines whose rows replace those with the same sort key.
const replacing = "ReplacingMergeTree"

// sameColumns reports whether a sort key has these columns, in any order.
func sameColumns(sortingKey string, columns []string) bool {
	var names []string
	for part := range strings.SplitSeq(sortingKey, ",") {
		names = append(names, strings.Trim(strings.TrimSpace(part), "`"))
	}
	slices.Sort(names)
	return slices.Equal(names, slices.Sorted(slices.Values(columns)))
}

var quotedText = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)

// versioned reports whether an engine has a version column, by its definition, such as
// ReplicatedReplacingMergeTree('/path', '{replica}', version).
func versioned(engine string) bool {
	engine = quotedText.ReplaceAllString(engine, "")
	_, arguments, _ := strings.Cut(engine, replacing)
	if !strings.HasPrefix(arguments, "(") {
		return false
	}
	arguments, _, _ = strings.Cut(arguments[1:], ")")
	return strings.Trim(arguments, ", ") != ""
}
