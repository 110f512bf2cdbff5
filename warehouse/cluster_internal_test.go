package warehouse

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// update is the flag that package migrationtest, which this test binary holds too,
// has registered.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// The statements for a cluster cannot be run here: they are held against files that
// people have read.
func TestClusterMigrations(t *testing.T) {
	t.Parallel()
	files, err := renderMigrations("eu-1")
	require.NoError(t, err)
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		got, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		golden := filepath.Join("testdata", "cluster", name)
		if update() {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
			require.NoError(t, os.WriteFile(golden, got, 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

// Every statement goes to the whole cluster, and every table is replicated.
func TestClusterStatements(t *testing.T) {
	t.Parallel()
	files, err := renderMigrations("eu-1")
	require.NoError(t, err)
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	start := regexp.MustCompile(`(?m)^(CREATE|ALTER|DROP)`)
	tables := 0
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		require.NotContains(t, string(text), "{{")
		for statement := range strings.SplitSeq(string(text), ";\n") {
			at := start.FindStringIndex(statement)
			if at == nil {
				continue
			}
			statement = statement[at[0]:]
			require.Contains(t, statement, " ON CLUSTER 'eu-1'")
			if strings.HasPrefix(statement, "CREATE TABLE") {
				tables++
				require.Contains(t, statement, "ENGINE = Replicated")
				require.NotContains(t, statement, "non_replicated")
			}
		}
	}
	require.Equal(t, 18, tables)
}

func TestClusterNameIsChecked(t *testing.T) {
	t.Parallel()
	_, err := renderMigrations("x' ON CLUSTER 'y")
	require.ErrorContains(t, err, "is not the name of a cluster")
}

func TestClusterQueries(t *testing.T) {
	t.Parallel()
	one, many := &Warehouse{}, &Warehouse{cluster: "eu-1"}
	require.Empty(t, one.onCluster())
	require.Equal(t, " ON CLUSTER 'eu-1'", many.onCluster())
	ctx := t.Context()
	require.Equal(t, ctx, one.consistent(ctx))
	require.NotEqual(t, ctx, many.consistent(ctx), "reads see what other replicas have acknowledged")
}
