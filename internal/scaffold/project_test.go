package scaffold_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/scaffold"
)

// checkout is the folder of Sluice's own module.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// A generated project compiles and passes its tests, without a network: its program knows the
// importer, the destination, the connection kind and the mail templates.
func TestGeneratedProjectWorks(t *testing.T) {
	t.Parallel()
	files, err := scaffold.Project{Module: "example.com/team/mine", Replace: checkout(t)}.Files()
	require.NoError(t, err)
	out := testModule(t, files)
	for _, name := range []string{"TestProgram", "TestConformance", "TestSendActionConformance", "TestTest"} {
		require.Contains(t, out, "--- PASS: "+name)
	}
	require.NotContains(t, out, "SKIP")
}

func TestProjectFiles(t *testing.T) {
	t.Parallel()
	for _, replace := range []string{"", checkout(t)} {
		project := scaffold.Project{Module: "example.com/team/mine", Replace: replace}
		files, err := project.Files()
		require.NoError(t, err)
		text := map[string]string{}
		for _, f := range files {
			text[f.Path] = string(f.Content)
			require.NotContains(t, string(f.Content), "<%", f.Path)
			require.NotContains(t, string(f.Content), "<no value>", f.Path)
		}
		for _, path := range []string{
			".gitignore", "Makefile", "README.md", "go.mod", "main.go", "main_test.go", "mails/mails.go",
			"mails/daily_totals_import/success.txt.tmpl", "dailytotals/dailytotals.go", "shopcrm/destination.go",
		} {
			require.NotEmpty(t, text[path], path)
		}
		require.NotContains(t, text, "dailytotals/go.mod")
		require.Contains(t, text["main.go"], `"example.com/team/mine/dailytotals"`)
		require.Contains(t, text["Makefile"], "up --worker ./bin/mine")
		if replace == "" {
			require.NotContains(t, text["go.mod"], "sluice")
			require.Contains(t, text["Makefile"], "SLUICE_DEV ?= sluice-dev\n")
			continue
		}
		require.Contains(t, text["go.mod"], "replace github.com/sluicehq/sluice => "+replace+"\n")
		require.Contains(t, text["Makefile"], "SLUICE_DEV ?= "+replace+"/bin/sluice-dev\n")
	}
}

func TestProjectValidate(t *testing.T) {
	t.Parallel()
	other, blank := t.TempDir(), filepath.Join(t.TempDir(), "a b")
	require.NoError(t, os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.com/other\n"), 0o600))
	for want, project := range map[string]scaffold.Project{
		"module path is missing":                                 {},
		"is not the path of a Go module":                         {Module: "/x"},
		"is Sluice's own module":                                 {Module: "github.com/sluicehq/sluice/mine"},
		`"x~y" cannot be the name of a program`:                  {Module: "example.com/x~y"},
		"its go.mod is not that of module":                       {Module: "example.com/x", Replace: other},
		"want an absolute path without blanks":                   {Module: "example.com/x", Replace: blank},
		"/nowhere: open /nowhere/go.mod: no such file or direct": {Module: "example.com/x", Replace: "/nowhere"},
	} {
		_, err := project.Files()
		require.ErrorContains(t, err, want)
	}
}
