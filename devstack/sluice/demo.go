package sluice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// demoSite owns the demo's data.
const demoSite = "demo.example"

// demoSpec is an export of three years.
var demoSpec = sampledata.Spec{
	Seed: 1,
	Days: calendar.Range{
		First: calendar.DayOf(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)),
		Last:  calendar.DayOf(time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC)),
	},
	PageRows: 1_000_000,
}

// demo makes an export, imports it with the same commands that people use, and
// verifies the import by counting in ClickHouse.
func demo(ctx context.Context, dir string, env map[string]string, stdout, stderr io.Writer) error {
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	program, err := app.New()
	if err != nil {
		return err
	}
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	s, err := dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN}, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := warehouse.Open(wiring.Warehouse(settings.Warehouse))
	if err != nil {
		return err
	}
	d := &demonstration{program: program, store: s, warehouse: w, env: env, stdout: stdout, stderr: stderr}
	return errors.Join(d.run(ctx, filepath.Join(dir, "export")), w.Close())
}

type demonstration struct {
	program        *app.App
	store          *dispatchstore.Store
	warehouse      *warehouse.Warehouse
	env            map[string]string
	stdout, stderr io.Writer
}

func (d *demonstration) run(ctx context.Context, export string) error {
	if err := d.prepareSite(ctx); err != nil {
		return err
	}
	d.printf("Making a sample export of ten tables and three years in %s\n", export)
	files, err := sampledata.Write(export, demoSpec)
	if err != nil {
		return err
	}
	d.printf("\n$ sluice import start csv --site %s %s --wait\n", demoSite, export)
	if code := d.sluice(ctx, "import", "start", "csv", "--site", demoSite, export, "--wait"); code != 0 {
		return fmt.Errorf("the import failed: `sluice import logs` says why")
	}
	imports, err := d.store.Imports.Summaries(ctx, importstore.Listing{Site: demoSite, Limit: 1})
	if err != nil {
		return err
	}
	if err := d.verify(ctx, imports[0], files); err != nil {
		return err
	}
	if d.env[stack.EnvServerAddress] != "" {
		if err := d.visitors(ctx); err != nil {
			return err
		}
	}
	d.explain(imports[0], d.env)
	return ctx.Err()
}

// prepareSite adds the demo's site, or deletes the imports of an earlier demo.
func (d *demonstration) prepareSite(ctx context.Context) error {
	_, err := d.store.Imports.AddSite(ctx, importstore.NewSite{Domain: demoSite, TimeZone: "Europe/Berlin"})
	if err == nil {
		d.printf("$ sluice site add %s --timezone Europe/Berlin\n\n", demoSite)
		return nil
	}
	if !errors.Is(err, store.ErrTaken) {
		return err
	}
	earlier, err := d.store.Imports.Summaries(ctx, importstore.Listing{Site: demoSite, Limit: 100})
	if err != nil {
		return err
	}
	for _, i := range earlier {
		id := fmt.Sprint(i.Import.ID)
		if !importstore.Ended(i.Import.Status) && i.Import.Status != importstore.StatusDeleting {
			d.printf("$ sluice import cancel %s --wait\n", id)
			if code := d.sluice(ctx, "import", "cancel", id, "--wait"); code != 0 {
				return fmt.Errorf("cannot cancel import %s of an earlier demo", id)
			}
		}
		d.printf("$ sluice import delete %s\n", id)
		if code := d.sluice(ctx, "import", "delete", id); code != 0 {
			return fmt.Errorf("cannot delete import %s of an earlier demo", id)
		}
	}
	return nil
}

// verify compares the files with what queries see in ClickHouse.
func (d *demonstration) verify(ctx context.Context, imp importstore.Summary, files []sampledata.File) error {
	table := terminal.NewTable("TABLE", "ROWS IN FILE", "ROWS IN CLICKHOUSE",
		"VISITORS IN FILE", "VISITORS IN CLICKHOUSE", "")
	var faults []error
	for _, file := range files {
		seen, err := d.warehouse.VisibleSum(ctx, file.Table, uint64(imp.Import.SiteID), uint64(imp.Import.ID), "visitors")
		if err != nil {
			return err
		}
		verdict := terminal.Coloured{Text: "equal", Colour: terminal.Green}
		if seen.Rows != uint64(file.Rows) || seen.Sum != file.Visitors {
			verdict = terminal.Coloured{Text: "different", Colour: terminal.Red}
			faults = append(faults, fmt.Errorf("%s differs from its file", file.Table.Name))
		}
		table.Row(file.Table.Name, file.Rows, int64(seen.Rows), int64(file.Visitors), int64(seen.Sum), verdict)
	}
	d.printf("\nCounted in ClickHouse:\n\n")
	return errors.Join(append(faults, table.Write(d.stdout))...)
}

// explain says where to look next.
func (d *demonstration) explain(imp importstore.Summary, env map[string]string) {
	id := imp.Import.ID
	if server := env[stack.EnvServerAddress]; server != "" {
		d.printf("\nOpen in a browser   http://%s/imports/%d\n", server, id)
	}
	d.printf("Look at the run     %s/namespaces/%s/workflows/%s/%s\n",
		env[stack.EnvTemporalUI], env[stack.EnvTemporalNamespace], url.PathEscape(imp.Import.WorkflowID), imp.Import.RunID)
	d.printf("Look at the import  ./bin/sluice import show %d\n", id)
	d.printf("Look at the data    curl '%s' --data 'SELECT page, sum(visitors) AS visitors FROM visible_imported_pages "+
		"GROUP BY page ORDER BY visitors DESC LIMIT 5 FORMAT PrettyCompact'\n", httpInterface(env[stack.EnvWarehouseDSN]))
	if server := env[stack.EnvServerAddress]; server != "" {
		d.printf("Send an event       curl -i http://%s/api/event -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) "+
			"Gecko/20100101 Firefox/133.0' -d '{\"n\":\"pageview\",\"u\":\"https://%s/\",\"d\":\"%s\"}'\n",
			server, demoSite, demoSite)
		d.printf("More visitors       ./bin/sluice-dev traffic --site %s --rate 200 --url http://%s\n", demoSite, server)
	}
	d.printf("Delete it           ./bin/sluice import delete %d\n\n", id)
}

// httpInterface turns the DSN of the embedded warehouse into the address of its HTTP
// interface.
func httpInterface(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	return "http://" + u.Host + "/?database=" + strings.TrimPrefix(u.Path, "/")
}

func (d *demonstration) sluice(ctx context.Context, args ...string) int {
	return d.program.Run(ctx, args, app.Streams{In: os.Stdin, Out: d.stdout, Err: d.stderr})
}

// printf writes progress for people. A closed terminal does not stop the demo.
func (d *demonstration) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(d.stdout, format, args...) //nolint:errcheck // see above
}
