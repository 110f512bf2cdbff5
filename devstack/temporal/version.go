package temporal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/server/common/headers"
)

// ErrVersion is returned for database files that another version of the server
// made. SQLite schemas are never migrated by Temporal: such a file may fail in
// any way, late and quietly, so it is not opened at all.
var ErrVersion = errors.New("database of another Temporal version")

const (
	visibilitySuffix = ".visibility"
	versionSuffix    = ".version"

	// A file in state creating is incomplete: we died while making it.
	stateCreating = "creating"
	stateReady    = "ready"
)

// versionFile is the content of <DBFilename>.version.
type versionFile struct {
	ServerVersion string `json:"server_version"`
	State         string `json:"state"`
}

// checkVersion tells whether the databases have to be made.
func checkVersion(filename string) (fresh bool, err error) {
	exists := true
	if _, err := os.Stat(filename); errors.Is(err, os.ErrNotExist) {
		exists = false
	} else if err != nil {
		return false, fmt.Errorf("look at database: %w", err)
	}
	content, err := os.ReadFile(filename + versionSuffix)
	switch {
	case errors.Is(err, os.ErrNotExist) && exists:
		return false, fmt.Errorf("%w: there is %s but no %s beside it, so another program made it; %s",
			ErrVersion, filename, filepath.Base(filename)+versionSuffix, remedy)
	case errors.Is(err, os.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("read database version: %w", err)
	}
	var v versionFile
	if err := json.Unmarshal(content, &v); err != nil {
		return false, fmt.Errorf("read database version from %s: %w", filename+versionSuffix, err)
	}
	switch {
	case v.State != stateReady || !exists:
		return true, removeFiles(filename)
	case v.ServerVersion != headers.ServerVersion:
		return false, fmt.Errorf("%w: %s was made by Temporal %s, and this is %s; %s",
			ErrVersion, filename, v.ServerVersion, headers.ServerVersion, remedy)
	}
	return false, nil
}

const remedy = "move it away to begin with an empty one (running workflows are in it, loaded data are not), " +
	"or use the version that made it"

// writeVersion replaces the version file atomically.
func writeVersion(filename, state string) error {
	content, err := json.Marshal(versionFile{ServerVersion: headers.ServerVersion, State: state})
	if err != nil {
		return fmt.Errorf("write database version: %w", err)
	}
	path := filename + versionSuffix
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write database version: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write database version: %w", err)
	}
	return nil
}
