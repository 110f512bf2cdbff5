package scaffold_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/scaffold"
	"github.com/sluicehq/sluice/internal/scaffold/scaffoldtest"
)

// A generated importer compiles and passes its tests, without a network.
func TestGeneratedImporterWorks(t *testing.T) {
	t.Parallel()
	files, err := scaffold.Importer{Name: "shop_orders2", Module: "example.com/team/orders"}.Files()
	require.NoError(t, err)
	out := testModule(t, files)
	require.Contains(t, out, "--- PASS: TestConformance")
	require.NotContains(t, out, "SKIP")
}

// testModule writes the files of a module, runs its tests with this checkout, and returns what they have said.
func testModule(t *testing.T, files []scaffold.File) string {
	t.Helper()
	m := scaffoldtest.New(t, func(string) ([]scaffold.File, error) { return files, nil })
	m.Go("mod", "edit", "-require=github.com/sluicehq/sluice@v0.0.0", "-replace=github.com/sluicehq/sluice="+m.Checkout)
	m.Go("vet", "./...")
	return m.Go("test", "-v", "./...")
}

// In the checkout itself there is no go.mod, and files are gofmt's.
func TestImporterFiles(t *testing.T) {
	t.Parallel()
	importer := scaffold.Importer{Name: "daily_totals"}
	files, err := importer.Files()
	require.NoError(t, err)
	paths := []string{}
	for _, f := range files {
		paths = append(paths, f.Path)
		require.NotContains(t, string(f.Content), "<%", f.Path)
		require.NotContains(t, string(f.Content), "<no value>", f.Path)
		if !strings.HasSuffix(f.Path, ".md") {
			require.Contains(t, string(f.Content), "package dailytotals")
		}
	}
	require.ElementsMatch(t, []string{"dailytotals.go", "dailytotals_test.go", "plan.go", "reader.go", "README.md"}, paths)
	require.Equal(t, []string{"dailytotals", "Daily totals", "importers/dailytotals", "github.com/sluicehq/sluice/importers/dailytotals"},
		[]string{importer.Package(), importer.Label(), importer.Folder(), importer.Import()})
	require.Equal(t, "dailytotals", scaffold.Importer{Name: "daily_totals", Module: "example.com/x"}.Folder())
}

func TestImporterValidate(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                      "is not the name of an importer: want a lower case letter",
		"Shop":                  `"Shop" is not the name of an importer`,
		"1shop":                 `"1shop" is not the name of an importer`,
		"sh-op":                 `"sh-op" is not the name of an importer`,
		"../shop":               `"../shop" is not the name of an importer`,
		"func":                  `"func" cannot be the name of a Go package`,
		"f_unc":                 `"f_unc" cannot be the name of a Go package`,
		"main":                  `"main" cannot be the name of a Go package`,
		"shop_":                 `"shop_" cannot be the name of a Go package`,
		strings.Repeat("x", 51): "is not the name of an importer",
	} {
		_, err := scaffold.Importer{Name: name}.Files()
		require.ErrorContains(t, err, want, name)
	}
	for _, module := range []string{"/x", "a b", "x/../y", "x//y", "x\n", "-x"} {
		err := scaffold.Importer{Name: "shop", Module: module}.Validate()
		require.ErrorContains(t, err, "is not the path of a Go module", module)
	}
	require.NoError(t, scaffold.Importer{Name: "shop", Module: "example.com/Team/x-y.z"}.Validate())
}

// Nothing that is there is touched, and nothing is left behind by halves.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []scaffold.File{{Path: "a.go", Content: []byte("a")}, {Path: "deep/b.go", Content: []byte("b")}, {Path: "c.go"}}
	taken := filepath.Join(dir, "deep", "b.go")
	require.NoError(t, os.MkdirAll(filepath.Dir(taken), 0o755))
	require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
	_, err := scaffold.Write(dir, files)
	require.ErrorIs(t, err, scaffold.ErrExists)
	require.EqualError(t, err, "already exist: "+taken+": existing files are not overwritten")
	require.NoFileExists(t, filepath.Join(dir, "a.go"))
	text, err := os.ReadFile(taken)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))

	fresh := filepath.Join(t.TempDir(), "new")
	paths, err := scaffold.Write(fresh, files)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(fresh, "a.go"), filepath.Join(fresh, "deep", "b.go"), filepath.Join(fresh, "c.go")}, paths)

	// A folder that cannot be made: what was written before goes again.
	blocked := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(blocked, "deep"), nil, 0o600))
	_, err = scaffold.Write(blocked, files)
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(blocked, "a.go"))
	_, err = scaffold.Write(blocked, []scaffold.File{{Path: "../x"}})
	require.EqualError(t, err, "../x is not below the folder")
}
