package engines

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// postgresPrograms are what a folder must have to run a PostgreSQL from it.
var postgresPrograms = []string{"initdb", "pg_ctl", "postgres"}

// PostgresBin is [PostgresBin] for f.
func (f Finder) PostgresBin() (string, error) {
	f = f.withDefaults()
	if dir := f.Getenv(EnvPostgresBin); dir != "" {
		if err := hasPostgres(dir); err != nil {
			return "", fmt.Errorf("%s: want the folder of initdb, pg_ctl and postgres: %w",
				EnvPostgresBin, errors.Join(ErrNotFound, err))
		}
		return dir, nil
	}
	var candidates []string
	if arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[f.GOARCH]; arch != "" {
		for _, modules := range f.modules() {
			candidates = append(candidates, filepath.Join(modules, "@embedded-postgres", f.GOOS+"-"+arch, "native", "bin"))
		}
	}
	for _, dir := range filepath.SplitList(f.Getenv("PATH")) {
		// An entry that is relative or empty would mean wherever we are.
		if filepath.IsAbs(dir) {
			candidates = append(candidates, dir)
		}
	}
	system, err := f.systemPostgres()
	if err != nil {
		return "", err
	}
	candidates = append(candidates, system...)

	tried := slices.DeleteFunc(slices.Clone(candidates), func(dir string) bool {
		return slices.Contains(filepath.SplitList(f.Getenv("PATH")), dir)
	})
	for _, dir := range candidates {
		if hasPostgres(dir) == nil {
			return dir, nil
		}
	}
	tried = append(tried, f.SystemPostgres...)
	tried = append(tried, "any folder of PATH")
	return "", notFound("initdb, pg_ctl and postgres", tried, `run "make engines", or set `+EnvPostgresBin)
}

// systemPostgres lists the folders of installed PostgreSQLs, the newest first.
func (f Finder) systemPostgres() ([]string, error) {
	var all []string
	for _, pattern := range f.SystemPostgres {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("search PostgreSQL in %s: %w", pattern, err)
		}
		all = append(all, dirs...)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return cmp.Compare(majorVersion(b), majorVersion(a))
	})
	return all, nil
}

// majorVersion reads N out of a path .../N/bin, 0 if there is none. Versions
// before 10 are like 9.6.
func majorVersion(dir string) float64 {
	v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
	if err != nil {
		return 0
	}
	return v
}

// hasPostgres returns an error that names what dir lacks.
func hasPostgres(dir string) error {
	var errs []error
	for _, name := range postgresPrograms {
		errs = append(errs, isFile(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}
