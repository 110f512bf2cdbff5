package scaffold_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/scaffold"
)

// A generated destination, with a second action and migrations, compiles and passes its
// tests, without a network.
func TestGeneratedDestinationWorks(t *testing.T) {
	t.Parallel()
	destination := scaffold.Destination{Name: "shop_crm2", Migrations: true, Module: "example.com/team/crm"}
	files, err := destination.Files()
	require.NoError(t, err)
	more, err := scaffold.Action{Name: "select_windows", Destination: destination.Name}.Files()
	require.NoError(t, err)
	out := testModule(t, append(files, more...))
	for _, name := range []string{
		"TestSendActionConformance", "TestSelectWindowsActionConformance", "TestMigrations", "TestRegisters", "TestTest",
	} {
		require.Contains(t, out, "--- PASS: "+name)
	}
	require.NotContains(t, out, "SKIP")
}

func TestDestinationFiles(t *testing.T) {
	t.Parallel()
	for _, migrations := range []bool{false, true} {
		destination := scaffold.Destination{Name: "shop_crm", Migrations: migrations}
		files, err := destination.Files()
		require.NoError(t, err)
		paths := []string{}
		for _, f := range files {
			paths = append(paths, f.Path)
			require.NotContains(t, string(f.Content), "<%", f.Path)
			require.NotContains(t, string(f.Content), "<no value>", f.Path)
		}
		want := []string{
			"README.md", "destination.go", "destination_test.go", "kind.go", "sendaction.go", "sendaction_internal_test.go",
		}
		if migrations {
			want = append(want, "migrations.go", "migrations_internal_test.go", "migrations/00001_begin.sql")
		}
		require.ElementsMatch(t, want, paths)
		require.Equal(t, []string{"shopcrm", "Shop crm", "destinations/shopcrm", "github.com/sluicehq/sluice/destinations/shopcrm"},
			[]string{destination.Package(), destination.Label(), destination.Folder(), destination.Import()})
	}
	own := scaffold.Destination{Name: "shop_crm", Module: "example.com/x"}
	require.Equal(t, []string{"shopcrm", "example.com/x"}, []string{own.Folder(), own.Import()})
	require.ErrorContains(t, scaffold.Destination{Name: "shop", Module: "/x"}.Validate(), "is not the path of a Go module")
	action := scaffold.Action{Name: "upsert_contact", Destination: "shop_crm"}
	require.Equal(t, []string{"shopcrm", "upsertContactAction", "UpsertContactAction", "destinations/shopcrm"},
		[]string{action.Package(), action.Type(), action.Exported(), action.Folder()})
}

func TestDestinationValidate(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                      "is not the name of a destination: want a lower case letter",
		"Shop":                  `"Shop" is not the name of a destination`,
		"../shop":               `"../shop" is not the name of a destination`,
		"func":                  `"func" cannot be the name of a Go package`,
		"main":                  `"main" cannot be the name of a Go package`,
		"shop_":                 `"shop_" cannot be the name of a Go package`,
		strings.Repeat("x", 51): "is not the name of a destination",
	} {
		_, err := scaffold.Destination{Name: name}.Files()
		require.ErrorContains(t, err, want, name)
	}
	_, err := scaffold.Action{Name: "a-b", Destination: "c d"}.Files()
	require.EqualError(t, err, `"a-b" is not the name of an action: want a lower case letter, then up to 49 letters, digits and underscores, `+
		`with no underscore at the end`+"\n"+
		`"c d" is not the name of a destination: want a lower case letter, then up to 49 letters, digits and underscores`)
	require.Error(t, scaffold.Action{Name: "x_", Destination: "shop"}.Validate())
	require.NoError(t, scaffold.Action{Name: "select", Destination: "shop"}.Validate())
}
