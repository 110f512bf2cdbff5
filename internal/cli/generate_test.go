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
	require.Contains(t, out, "generated project mine:\n  "+filepath.Join(dir, ".gitignore")+"\n")
	require.Contains(t, out, "\nsee "+filepath.Join(dir, "README.md")+" for the next steps\n")
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	module, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(module), "replace github.com/sluicehq/sluice => "+checkout+"\n")

	r := offline().run(t, "generate", "project", "--module", "example.com/team/mine", "--path", dir)
	require.Equal(t, exitRefused, r.code)
	offline().fails(t, "--module is missing: want the path of a Go module, such as --module example.com/team/mine", "generate", "project")
	offline().fails(t, "checkout /nowhere: open /nowhere/go.mod: no such file or directory",
		"generate", "project", "--module", "example.com/x", "--replace", "/nowhere")
}

func TestGenerateDestination(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := offline().ok(t, "generate", "destination", "--name", "shop_crm", "--path", dir)
	require.Contains(t, out, "generated destination shop_crm:\n  "+filepath.Join(dir, "README.md")+"\n")
	require.Contains(t, out, "\nsee "+filepath.Join(dir, "README.md")+" for the next steps\n")
	require.NoFileExists(t, filepath.Join(dir, "migrations.go"))
	r := offline().run(t, "generate", "destination", "--name", "shop_crm", "--path", dir)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "existing files are not overwritten: choose another name or --path")

	require.Equal(t, "generated action upsert_contact:\n  "+filepath.Join(dir, "upsertcontactaction.go")+"\n  "+
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

	offline().fails(t, "--name is missing: want a name, such as --name shop_crm", "generate", "destination")
	offline().fails(t, "--destination is missing: want the action's destination, such as --destination shop_crm", "generate", "action")
	offline().fails(t, "--name is missing: want a name, such as --name upsert_contact", "generate", "action", "--destination", "x")
	offline().fails(t, `"Shop" is not the name of a destination: want a lower case letter, then up to 49 letters, digits and underscores`,
		"generate", "destination", "--name", "Shop")
}
