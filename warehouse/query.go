package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// named is a query parameter, bound by the server.
func named(name string, value any) any { return clickhouse.Named(name, fmt.Sprint(value)) }

// escapes are those of the texts in query parameters, which are values of the format TSV.
var escapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// namedText is named for a text that may have any characters.
func namedText(name, text string) any { return clickhouse.Named(name, escapes.Replace(text)) }

// parameters of the columns that every loaded row carries.
func (k PartKey) parameters() []any {
	return []any{named("site", k.SiteID), named("import", k.ImportID), named("part", k.Part)}
}

// consistent makes a read return every insert acknowledged before, regardless of the
// replicas.
func (w *Warehouse) consistent(ctx context.Context) context.Context {
	if w.cluster == "" {
		return ctx
	}
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"select_sequential_consistency": 1}))
}

// onCluster returns the clause that executes a statement on every server.
func (w *Warehouse) onCluster() string {
	if w.cluster == "" {
		return ""
	}
	return " ON CLUSTER '" + w.cluster + "'"
}

// Select runs a query with parameters, {name:Type} in its text, which the server binds: values are never a part of the
// text. settings are those of ClickHouse, such as max_execution_time. The caller closes the rows.
func (w *Warehouse) Select(
	ctx context.Context, query string, parameters map[string]string, settings clickhouse.Settings,
) (driver.Rows, error) {
	args := make([]any, 0, len(parameters))
	for name, value := range parameters {
		args = append(args, named(name, value))
	}
	return w.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), query, args...)
}
