package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/terminal"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func previewImport(ctx context.Context, s *session) error {
	id, err := idArg(s.cli)
	if err != nil {
		return err
	}
	limit, err := limitFlag(s.cli, maxListed)
	if err != nil {
		return err
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	imp, err := opened.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	tables, err := previewedTables(ctx, s, opened, imp)
	if err != nil {
		return err
	}
	house, err := s.Warehouse(ctx)
	if err != nil {
		return err
	}
	views := []importview.Preview{}
	for _, table := range tables {
		p, err := house.Preview(ctx, table, uint64(imp.SiteID), uint64(id), limit)
		if err != nil {
			return err
		}
		if asJSON(s.cli) {
			views = append(views, importview.PreviewOf(table, p))
			continue
		}
		if err := printPreview(s, table, p); err != nil {
			return err
		}
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, views)
	}
	switch {
	case importview.RowsPurged(imp.Status):
		return say(s.cli, "Import %d is %s and has no rows.", id, imp.Status)
	case len(tables) == 0:
		return say(s.cli, "Import %d is %s and has no rows yet.", id, imp.Status)
	case imp.Status == importstore.StatusInReview:
		return say(s.cli, "These rows stay hidden until `sluice review accept %d`.", id)
	default:
		return nil
	}
}

// previewedTables returns the tables that the import's parts load.
func previewedTables(
	ctx context.Context, s *session, opened *dispatchstore.Store, imp importstore.Import,
) ([]*schema.Table, error) {
	if name := s.cli.String("table"); name != "" {
		table, err := schema.Lookup(name)
		return []*schema.Table{table}, err
	}
	parts, err := opened.Imports.ListParts(ctx, imp.ID)
	if err != nil {
		return nil, err
	}
	var tables []*schema.Table
	for _, p := range parts {
		table, err := schema.Lookup(p.TableName)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables, nil
}

func printPreview(s *session, table *schema.Table, p warehouse.Preview) error {
	w := s.cli.App.Writer
	if p.Rows == 0 {
		_, err := fmt.Fprintf(w, "%s, no rows\n\n", table.Name)
		return err
	}
	if _, err := fmt.Fprintf(w, "%s, %s rows\n", table.Name, humanize.Comma(int64(p.Rows))); err != nil {
		return err
	}
	header := []string{"ROW"}
	for _, c := range table.Columns {
		header = append(header, strings.ToUpper(c.Name))
	}
	out := terminal.NewTable(header...)
	for i, row := range append(p.Sample, p.Sums) {
		cells := []any{strconv.Itoa(i + 1)}
		if i == len(p.Sample) {
			cells[0] = "all"
		}
		for j, value := range row {
			cells = append(cells, previewCell(table.Columns[j], value))
		}
		out.Row(cells...)
	}
	if err := out.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// previewCell formats a value for a table: counters with thousands separators.
func previewCell(c schema.Column, value string) any {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case c.Kind == schema.KindString || err != nil:
		return brief(value, 40)
	case c.Identifier:
		return terminal.Ordinal(n)
	default:
		return n
	}
}
