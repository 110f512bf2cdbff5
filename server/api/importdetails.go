package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// importDetails adds the operations that read what belongs to an import.
func (a *API) importDetails() {
	register(a, operation{
		id: "list-import-parts", method: http.MethodGet, path: "/imports/{import}/parts", tag: tagImports,
		summary: "List the parts of an import", need: access.PermissionRead, reach: reachImport,
	}, a.listParts)
	register(a, operation{
		id: "list-import-feedback", method: http.MethodGet, path: "/imports/{import}/feedback", tag: tagImports,
		summary: "List the feedback of an import, its log", need: access.PermissionRead, reach: reachImport,
	}, a.listFeedback)
	register(a, operation{
		id: "list-import-rejects", method: http.MethodGet, path: "/imports/{import}/rejects", tag: tagImports,
		summary: "List rejected rows of an import", need: access.PermissionRead, reach: reachImport,
	}, a.listRejects)
	register(a, operation{
		id: "preview-import", method: http.MethodGet, path: "/imports/{import}/preview", tag: tagImports,
		summary: "Show sample rows and sums of an import, by table", need: access.PermissionRead, reach: reachImport,
	}, a.previewImport)
	register(a, operation{
		id: "compare-import", method: http.MethodGet, path: "/imports/{import}/comparison", tag: tagImports,
		summary: "Compare the days of an import with what the site has", need: access.PermissionRead, reach: reachImport,
		description: "Visitors, pageviews and visits by day, from 31 days before the import to 31 days after it. Rows in " +
			"review are invisible elsewhere.",
	}, a.compareImport)
}

type importPageInput struct {
	ImportPath
	Page
}

type listPartsInput struct {
	ImportPath
	Page
	Status []string `query:"status" maxItems:"6" enum:"waiting,running,done,parked,skipped,failed" doc:"Only parts in these statuses, separated by commas."`
}

func (a *API) listParts(ctx context.Context, in *listPartsInput) (*List[importview.Part], error) {
	return paged(ctx, in.Page, func(last *int32, limit int) ([]importview.Part, error) {
		imp, err := a.cfg.Starter.Store.Imports.Import(ctx, in.Import)
		if err != nil {
			return nil, err
		}
		after := int32(-1)
		set(&after, last)
		parts, err := a.cfg.Starter.Store.Imports.PartsAfter(ctx, in.Import, after, int32(limit), in.Status...)
		return importview.Parts(imp.Status, parts), err
	}, func(p importview.Part) *int32 { return &p.Part })
}

func (a *API) listFeedback(ctx context.Context, in *importPageInput) (*List[importview.Feedback], error) {
	return paged(ctx, in.Page, func(after int32, limit int) ([]importview.Feedback, error) {
		lines, err := a.cfg.Starter.Store.Imports.ListFeedback(ctx, importstore.FeedbackQuery{
			ImportID: in.Import, AfterSeq: after, RowLimit: int32(limit),
		})
		if err != nil {
			return nil, fmt.Errorf("list the feedback of import %d: %w", in.Import, err)
		}
		return convert.Slice(lines, importview.FeedbackOf), nil
	}, func(f importview.Feedback) int32 { return f.Seq })
}

// maxRejects bounds how far the rejects of an import can be listed: ClickHouse reads those before, too.
const maxRejects = 100_000

type listRejectsInput struct {
	ImportPath
	Page
	Part   []uint32 `query:"part" maxItems:"100" doc:"Only rows of the parts of these numbers, separated by commas."`
	Column string   `query:"column" maxLength:"200" doc:"Only rows that were rejected for this column."`
	Text   string   `query:"text" maxLength:"100" doc:"Only rows with this text in their file, column or reason."`
}

func (a *API) listRejects(ctx context.Context, in *listRejectsInput) (*List[importview.Reject], error) {
	filter := warehouse.RejectFilter{Parts: in.Part, Column: in.Column, Text: strings.TrimSpace(in.Text)}
	var next int
	return paged(ctx, in.Page, func(skip, limit int) ([]importview.Reject, error) {
		if skip < 0 || skip > maxRejects {
			return nil, invalidParameter("after", fmt.Sprintf("want at most %d rejected rows before the page", maxRejects))
		}
		imp, err := a.cfg.Starter.Store.Imports.Import(ctx, in.Import)
		if err != nil {
			return nil, err
		}
		next = skip + in.Limit
		rejects, err := a.cfg.Warehouse.Rejects(ctx, uint64(imp.SiteID), uint64(imp.ID), filter, skip, limit)
		return convert.Slice(rejects, importview.RejectOf), err
	}, func(importview.Reject) int { return next })
}

type previewInput struct {
	ImportPath
	Table string `query:"table" maxLength:"100" doc:"Only rows of this table, such as imported_pages."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"5" doc:"Maximum number of sample rows per table."`
}

type previewOutput struct {
	Body struct {
		Items []importview.Preview `json:"items" doc:"One item for each table that the import loads."`
	}
}

func (a *API) previewImport(ctx context.Context, in *previewInput) (*previewOutput, error) {
	imp, err := a.cfg.Starter.Store.Imports.Import(ctx, in.Import)
	if err != nil {
		return nil, err
	}
	tables, err := a.previewedTables(ctx, in.Table, imp)
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.Items = []importview.Preview{}
	for _, table := range tables {
		p, err := a.cfg.Warehouse.Preview(ctx, table, uint64(imp.SiteID), uint64(imp.ID), in.Limit)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, importview.PreviewOf(table, p))
	}
	return out, nil
}

// previewedTables returns the tables of a preview: the one of that name, or all that the import's parts load.
func (a *API) previewedTables(ctx context.Context, name string, imp importstore.Import) ([]*schema.Table, error) {
	if name != "" {
		table, err := schema.Lookup(name)
		if err != nil {
			return nil, invalidParameter("table", err.Error())
		}
		return []*schema.Table{table}, nil
	}
	parts, err := a.cfg.Starter.Store.Imports.ListParts(ctx, imp.ID)
	if err != nil {
		return nil, fmt.Errorf("list the parts of import %d: %w", imp.ID, err)
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
