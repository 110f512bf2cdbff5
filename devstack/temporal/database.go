package temporal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
)

// databases are the two SQLite stores: two files are two writers, and a page
// of the UI never waits for a workflow's commit.
type databases struct {
	main, visibility *config.SQL
}

// pragmas of a database file. WAL allows reads during a write; with
// synchronous NORMAL a commit is in the operating system's hands when it
// returns, so it survives the death of the process (SIGKILL), and power loss
// costs the last moments but never the file.
var pragmas = map[string]string{
	"mode":               "rwc",
	"journal_mode":       "wal",
	"synchronous":        "normal",
	"busy_timeout":       "10000",
	"cache_size":         "-65536", // KiB
	"temp_store":         "memory",
	"journal_size_limit": "67108864",
}

// maxConns is one connection per file, which is a queue of transactions in
// front of SQLite. With more, a transaction that has read and wants to write
// fails at once with SQLITE_BUSY_SNAPSHOT when another has written since; no
// busy timeout helps with that, and the driver of Temporal offers no way to
// begin transactions as writers.
const maxConns = 1

func (c Config) databases() databases {
	if c.DBFilename == "" {
		return databases{main: c.memory("main"), visibility: c.memory("visibility")}
	}
	return databases{main: c.file(c.DBFilename), visibility: c.file(c.DBFilename + visibilitySuffix)}
}

func (c Config) file(path string) *config.SQL {
	attributes := maps.Clone(pragmas)
	maps.Copy(attributes, c.Pragmas)
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      path,
		ConnectAttributes: attributes,
		MaxConns:          maxConns,
		MaxIdleConns:      maxConns,
	}
}

// memory names the database at random, since one process may run several
// servers in the course of its life and the driver's pool never forgets one.
func (c Config) memory(kind string) *config.SQL {
	attributes := map[string]string{"mode": "memory", "cache": "shared"}
	maps.Copy(attributes, c.Pragmas)
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      kind + strconv.FormatUint(rand.Uint64(), 36), //nolint:gosec // Not a secret.
		ConnectAttributes: attributes,
	}
}

// prepare makes the files' schema when they are new and refuses those of
// another server version.
func (c Config) prepare(dbs databases) error {
	if c.DBFilename == "" {
		return nil // the driver makes the schema of a database in memory
	}
	if err := os.MkdirAll(filepath.Dir(c.DBFilename), 0o750); err != nil {
		return fmt.Errorf("make database folder: %w", err)
	}
	fresh, err := checkVersion(c.DBFilename)
	if err != nil || !fresh {
		return err
	}
	if err := writeVersion(c.DBFilename, stateCreating); err != nil {
		return err
	}
	for _, db := range []*config.SQL{dbs.main, dbs.visibility} {
		if err := sqliteschema.SetupSchema(db); err != nil {
			return fmt.Errorf("make schema: %w", err)
		}
	}
	return writeVersion(c.DBFilename, stateReady)
}

// removeFiles removes both databases with their write-ahead logs.
func removeFiles(filename string) error {
	var errs []error
	for _, base := range []string{filename, filename + visibilitySuffix} {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if err := os.Remove(base + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
