package importbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// bench is what a case works with.
type bench struct {
	*stack.Stack
	site    string
	engine  driver.Conn
	options *clickhouse.Options
	starter *starter.Starter
}

// connect connects to the stack and adds the site of a case.
func connect(ctx context.Context, no int) (*bench, error) {
	s, err := stack.Connect(ctx, 0)
	if err != nil {
		return nil, err
	}
	b := &bench{Stack: s, site: fmt.Sprintf("bench-%d.example", no), starter: s.Starter()}
	if err := b.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return b, nil
}

func (b *bench) open(ctx context.Context) (err error) {
	if b.options, err = clickhouse.ParseDSN(b.Settings.Warehouse.DSN); err != nil {
		return errors.New("SLUICE_WAREHOUSE_DSN is not a DSN")
	}
	b.options.ReadTimeout = 10 * time.Minute
	if b.engine, err = clickhouse.Open(b.options); err != nil {
		return err
	}
	_, err = b.Store.Imports.AddSite(ctx, importstore.NewSite{Domain: b.site, TimeZone: "UTC"})
	return err
}

func (b *bench) close() error {
	b.Close()
	return b.engine.Close()
}

// aloneTable is a copy of imported_pages for the engine alone.
const aloneTable = "bench_pages"

// engineAlone sends the file to the engine in one request, which its own parser reads, into a
// table of the same shape, and returns the seconds that took.
func (b *bench) engineAlone(ctx context.Context, file sampledata.File) (float64, error) {
	if err := b.fresh(ctx); err != nil {
		return 0, err
	}
	names := make([]string, 0, len(file.Table.Columns))
	for _, c := range file.Table.Columns {
		if c.Name == "exits" {
			continue // not in an export
		}
		names = append(names, c.Name)
	}
	start := time.Now()
	insert := fmt.Sprintf("INSERT INTO %s (%s) FORMAT CSVWithNames", aloneTable, strings.Join(names, ", "))
	if err := b.send(ctx, insert, file.Path); err != nil {
		return 0, err
	}
	took := time.Since(start).Seconds()
	var rows uint64
	if err := b.engine.QueryRow(ctx, "SELECT count() FROM "+aloneTable).Scan(&rows); err != nil {
		return 0, err
	}
	if rows != uint64(file.Rows) {
		return 0, fmt.Errorf("loaded %d rows, want %d", rows, file.Rows)
	}
	return took, nil
}

// send runs an insert over HTTP with a file as its data.
func (b *bench) send(ctx context.Context, query, path string) error {
	data, err := os.Open(path)
	if err != nil {
		return err
	}
	defer data.Close() //nolint:errcheck // It was read only.
	target := url.URL{Scheme: "http", Host: b.options.Addr[0], RawQuery: url.Values{
		"database": {b.options.Auth.Database}, "user": {b.options.Auth.Username}, "query": {query},
	}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), data)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the engine answers %s: %s", answer.Status, text)
	}
	return nil
}

// fresh makes the engine's table anew and waits until it has nothing else to do.
func (b *bench) fresh(ctx context.Context) error {
	for _, query := range []string{
		"DROP TABLE IF EXISTS " + aloneTable,
		"CREATE TABLE " + aloneTable + " AS " + schema.Pages.Name,
	} {
		if err := b.engine.Exec(ctx, query); err != nil {
			return err
		}
	}
	return b.quiet(ctx)
}

// quiet waits until no merge is running.
func (b *bench) quiet(ctx context.Context) error {
	return delay.Until(ctx, 100*time.Millisecond, func() (bool, error) {
		var merges uint64
		err := b.engine.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges)
		return merges == 0, err
	})
}

// sluice imports the file and deletes the import. It returns the seconds from the start
// to the end of the import, and notes the size of its history.
func (b *bench) sluice(ctx context.Context, file sampledata.File, result *Result) (float64, error) {
	if err := b.quiet(ctx); err != nil {
		return 0, err
	}
	args, err := json.Marshal(map[string]any{"paths": []string{file.Path}})
	if err != nil {
		return 0, err
	}
	start := time.Now()
	imp, err := b.starter.StartImport(ctx, starter.Request{Site: b.site, Source: "csv", Args: args})
	if err != nil {
		return 0, err
	}
	summary, err := b.starter.Wait(ctx, imp.ID, nil)
	if err != nil {
		return 0, err
	}
	took := time.Since(start).Seconds()
	if summary.Import.Status != importstore.StatusCompleted || summary.RowsLoaded != file.Rows {
		return 0, fmt.Errorf("import %d %s with %d of %d rows: %s",
			imp.ID, summary.Import.Status, summary.RowsLoaded, file.Rows, summary.Import.Error)
	}
	described, err := b.Temporal.DescribeWorkflowExecution(ctx, imp.WorkflowID, "")
	if err != nil {
		return 0, err
	}
	result.HistoryEvents = described.WorkflowExecutionInfo.HistoryLength
	result.HistoryBytes = described.WorkflowExecutionInfo.HistorySizeBytes
	if err := b.starter.Delete(ctx, imp.ID); err != nil {
		return 0, err
	}
	return took, b.starter.WaitDeleted(ctx, imp.ID)
}
