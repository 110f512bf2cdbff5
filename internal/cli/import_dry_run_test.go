package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/enginetest"
)

// A dry run of a CSV export tells what there is, and leaves nothing behind in any table.
func TestDryRun(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	s.ok(t, "site", "add", "example.com")
	dir := visitors(t)
	s.ok(t, "import", "start", "noop", "--site", "example.com", "--args", `{"rows": 3}`, "--wait")
	before := rowCounts(t, system)
	out := s.ok(t, "import", "start", "csv", dir, "--site", "example.com", "--dry-run", "--rate", "2")
	golden(t, "dry-run", out)
	var report importacts.DryRunReport
	s.json(t, &report, "import", "start", "csv", dir, "--site", "example.com", "--dry-run", "--review")
	require.Equal(t, []any{"2023-01-01..2023-01-03", true, 2, int64(6), 2}, []any{
		report.Days, report.Review, report.PartsTotal, *report.EstimatedRows, len(report.Parts),
	})
	require.Equal(t, before, rowCounts(t, system), "nothing was written")
}

// What an import would fail with is what a dry run fails with.
func TestDryRunFails(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	missing := filepath.Join(t.TempDir(), "nowhere")
	r := s.run(t, "import", "start", "csv", missing, "--site", "example.com", "--dry-run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, "Dry run     csv into example.com; nothing is written\n")
	actual := s.run(t, "import", "start", "csv", missing, "--site", "example.com", "--wait")
	require.Contains(t, r.err, "sluice: the import would fail: "+missing)
	require.Contains(t, actual.out, r.err[len("sluice: the import would fail: "):len(r.err)-1], "a run says the same")

	r = s.run(t, "import", "start", "noop", "--site", "example.com", "--dry-run", "-o", "json", "--args", `{"rows": 200, "bad_rows": 150}`)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, `"error_class": "too_many_rejects"`)
	s.fails(t, "site b.com: not found: add it with `sluice site add b.com`", "import", "start", "noop", "--site", "b.com", "--dry-run")
	s.fails(t, "--dry-run starts no import to wait for: remove --dry-run, or --wait and --listen",
		"import", "start", "noop", "--site", "example.com", "--dry-run", "--wait")
}

// rowCounts counts the rows of every table of the store and of the warehouse.
func rowCounts(t *testing.T, s *enginetest.System) map[string]uint64 {
	t.Helper()
	counts := enginetest.RowCounts(t, s.Settings.Store.DSN, s.Settings.Warehouse.DSN)
	require.Greater(t, len(counts), 20)
	require.NotZero(t, counts["warehouse.imported_visitors"])
	return counts
}

func TestGenerateImporter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "orders")
	out := offline().ok(t, "generate", "importer", "--name", "shop_orders", "--path", dir)
	require.Equal(t, "generated importer shop_orders:\n  "+filepath.Join(dir, "README.md")+"\n  "+filepath.Join(dir, "plan.go")+"\n  "+
		filepath.Join(dir, "reader.go")+"\n  "+filepath.Join(dir, "shoporders.go")+"\n  "+filepath.Join(dir, "shoporders_test.go")+"\nsee "+
		filepath.Join(dir, "README.md")+" for the next steps\n", out)
	r := offline().run(t, "generate", "importer", "--name", "shop_orders", "--path", dir)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "sluice: already exist: "+dir)
	require.Contains(t, r.err, "existing files are not overwritten: choose another name or --path")
	var made struct {
		Name, Package string
		Files         []string
	}
	module := filepath.Join(t.TempDir(), "module")
	offline().json(t, &made, "generate", "importer", "--name", "things", "--module", "example.com/things", "--path", module)
	require.Equal(t, []string{"things", "example.com/things"}, []string{made.Name, made.Package})
	text, err := os.ReadFile(filepath.Join(module, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(text), "module example.com/things\n")
	offline().fails(t, "--name is missing: want a name, such as --name daily_totals", "generate", "importer")
	offline().fails(t, `"Shop" is not the name of an importer: want a lower case letter, then up to 49 letters, digits and underscores`,
		"generate", "importer", "--name", "Shop")
}
