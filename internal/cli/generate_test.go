package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGenerateProject(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mine")
	out := offline().ok(t, "generate", "project", "--module", "example.com/team/mine", "--replace", "../..", "--path", dir)
	require.Contains(t, out, "wrote project mine:\n  "+filepath.Join(dir, ".gitignore")+"\n")
	require.Contains(t, out, filepath.Join(dir, "README.md")+" says what comes next\n")
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(module), "replace github.com/sluicehq/sluice => "+checkout+"\n")

	r := offline().run(t, "generate", "project", "--module", "example.com/team/mine", "--path", dir)
	require.Equal(t, exitRefused, r.code)
	offline().fails(t, "--module is missing: say which Go module it is, for instance --module example.com/team/mine", "generate", "project")
	offline().fails(t, "checkout /nowhere: open /nowhere/go.mod: no such file or directory",
		"generate", "project", "--module", "example.com/x", "--replace", "/nowhere")
}

func TestGenerateDestination(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := offline().ok(t, "generate", "destination", "--name", "shop_crm", "--path", dir)
	require.Contains(t, out, "wrote destination shop_crm:\n  "+filepath.Join(dir, "README.md")+"\n")
	require.Contains(t, out, filepath.Join(dir, "README.md")+" says what comes next\n")
	require.NoFileExists(t, filepath.Join(dir, "migrations.go"))
	r := offline().run(t, "generate", "destination", "--name", "shop_crm", "--path", dir)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "nothing is overwritten: choose another name or --path")

	require.Equal(t, "wrote action upsert_contact:\n  "+filepath.Join(dir, "upsertcontactaction.go")+"\n  "+
		filepath.Join(dir, "upsertcontactaction_internal_test.go")+"\n"+
		"add newUpsertContactAction() to the Actions of the destination shop_crm\n",
		offline().ok(t, "generate", "action", "--destination", "shop_crm", "--name", "upsert_contact", "--path", dir))
	var made struct {
		Name, Package string
		Files         []string
	}
	module := filepath.Join(t.TempDir(), "module")
	offline().json(t, &made, "generate", "destination", "--name", "things", "--module", "example.com/things", "--path", module,
		"--migrations")
	require.Equal(t, []string{"things", "example.com/things"}, []string{made.Name, made.Package})
	require.Contains(t, made.Files, filepath.Join(module, "migrations", "00001_begin.sql"))
	require.FileExists(t, filepath.Join(module, "go.mod"))

	offline().fails(t, "--name is missing: say what to call it, for instance --name shop_crm", "generate", "destination")
	offline().fails(t, "--destination is missing: say what it is an action of, for instance --destination shop_crm", "generate", "action")
	offline().fails(t, "--name is missing: say what to call it, for instance --name upsert_contact", "generate", "action", "--destination", "x")
	offline().fails(t, `"Shop" is not the name of a destination: want a lower case letter, then up to 49 letters, digits and underscores`,
		"generate", "destination", "--name", "Shop")
}
