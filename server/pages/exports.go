package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/spreadsheet"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
	accessclient "github.com/sluicehq/sluice/starter/access"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// exportPath is the beginning of the paths of lists as files; the rest is the path of the list at the API.
const exportPath = "/export"

// maxExport is the number of rows of a file. One that has no more of a longer list says so in its name.
const maxExport = 10_000

// exports adds the lists as files of CSV, with the filters of their pages.
func (p *Pages) exports() {
	export[importview.Import](p, "/imports", passing("site", "source", "status", "by"))
	export[importview.Part](p, "/imports/{import}/parts", passing("status"))
	export[importview.Reject](p, "/imports/{import}/rejects", passing(rejectFilters...))
	export[importview.Review](p, "/reviews", passing("site", "all"))
	export[importview.Schedule](p, "/schedules", passing(scheduleFilters...))
	export[ingestclient.ListedSite](p, "/sites", passing("text"))
	export[deliveryclient.Destination](p, "/destinations", passing(destinationFilters...))
	export[deliveryclient.Job](p, "/jobs", jobQuery)
	export[deliveryclient.Event](p, "/events", eventQuery)
	export[deliveryclient.Flow](p, "/flows", passing(flowFilters...))
	export[syncclient.Sync](p, "/syncs", passing(syncFilters...))
	export[syncclient.SyncRun](p, "/syncs/{sync}/runs", passing(syncRunFilters...))
	export[syncclient.RejectedRecord](p, "/syncs/{sync}/rejects", passing(syncRejectFilters...))
	export[syncclient.HeldRecord](p, "/syncs/{sync}/held", heldQuery)
	export[connections.Info](p, "/connections", passing(connectionFilters...))
	export[starter.SentNotification](p, "/notifications", passing("import"))
	export[starter.Lock](p, "/locks", passing("resource"))
	export[api.Account](p, "/accounts", passing(accessFilters...))
	export[api.Token](p, "/tokens", passing(accessFilters...))
	export[accessclient.AuditEntry](p, "/audit", auditQuery)
}

// queryOf returns the filters of a page as parameters of the API.
type queryOf func(v *visit) (url.Values, error)

// passing is a queryOf that passes parameters on as they are.
func passing(names ...string) queryOf {
	return func(v *visit) (url.Values, error) { return v.passed(names...), nil }
}

// export adds a list of T as a file. Its path is that of the API.
func export[T any](p *Pages, path string, query queryOf) {
	columns := columnsOf(reflect.TypeFor[T]())
	p.mux.HandleFunc("GET "+exportPath+path, func(w http.ResponseWriter, r *http.Request) {
		p.signedIn(w, r, func(v *visit) {
			if err := v.export(columns, query); err != nil {
				v.fail(err)
			}
		})
	})
}

// columnsOf returns the names of the fields of a struct in JSON, in their order.
func columnsOf(t reflect.Type) []string {
	var columns []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			columns = append(columns, columnsOf(field.Type)...)
		case name == "-" || !field.IsExported():
		case name == "":
			columns = append(columns, field.Name)
		default:
			columns = append(columns, name)
		}
	}
	return columns
}

// export answers with the list as a file.
func (v *visit) export(columns []string, query queryOf) error {
	path := strings.TrimPrefix(v.r.URL.EscapedPath(), exportPath)
	filters, err := query(v)
	if err != nil {
		return err
	}
	filters.Del("after")
	rows, more, err := exportRows(v, path, filters, columns)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := spreadsheet.Write(&file, rows); err != nil {
		return err
	}
	name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
	if more {
		name += fmt.Sprintf("-first-%d", maxExport)
	}
	v.w.Header().Set("Content-Type", spreadsheet.MediaType)
	v.w.Header().Set("Content-Disposition", spreadsheet.Attachment(name))
	// The browser may have gone.
	_, _ = file.WriteTo(v.w) //nolint:errcheck // see above
	return nil
}

// exportRows returns the first rows of a list below their header, and whether the list has more.
func exportRows(v *visit, path string, query url.Values, columns []string) (rows [][]string, more bool, err error) {
	rows = [][]string{columns}
	for item, err := range getEach[map[string]json.RawMessage](v, path, query) {
		switch {
		case err != nil:
			return nil, false, err
		case len(rows) > maxExport:
			return rows, true, nil
		}
		row := make([]string, len(columns))
		for i, name := range columns {
			if row[i], err = cellOf(item[name]); err != nil {
				return nil, false, fmt.Errorf("read %s: %w", name, err)
			}
		}
		rows = append(rows, row)
	}
	return rows, false, nil
}

// cellOf returns a value for a cell: null is nothing.
func cellOf(value json.RawMessage) (string, error) {
	if len(value) == 0 || string(value) == "null" {
		return "", nil
	}
	return jsonText(value)
}
