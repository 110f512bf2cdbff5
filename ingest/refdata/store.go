package refdata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/faults"
)

// DefaultInterval is how often a store looks for changed files.
const DefaultInterval = time.Minute

// Config configures a store.
type Config struct {
	// Folder holds the files. "" means that there are none.
	Folder string
	// Interval is how often Run looks for changed files. Defaults to DefaultInterval.
	Interval time.Duration
	// Logger logs loaded, missing and corrupt files. Required.
	Logger *slog.Logger
}

// Validate returns every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Interval >= 0, "interval is %s, want a positive duration", c.Interval)
	f.Check(c.Logger != nil, "logger is missing")
	return f.Err()
}

// Store keeps the data of a folder up to date. It is safe for concurrent use.
type Store struct {
	config Config
	data   atomic.Pointer[Data]

	mu    sync.Mutex
	files []fileState
}

// fileState is what is known about the files of a kind.
type fileState struct {
	// seen identifies the version that was loaded or found damaged.
	seen fingerprint
	// loaded is the file of the data in use, or "".
	loaded string
	// gone says that the absence has been logged.
	gone bool
	// fault says why the file in the folder is not in use, "" if it is or if there never was one.
	fault string
	// version, made and bytes describe the file in use.
	version string
	made    time.Time
	bytes   int64
	// entries is the number of entries in use, once they are counted.
	entries int
	counted bool
}

// fingerprint identifies a version of a file without reading it.
type fingerprint struct {
	file string
	size int64
	time time.Time
}

// Open returns a store that has loaded what its folder holds. Missing and damaged files are
// logged; only a wrong configuration is an error.
func Open(c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("open reference data: %w", err)
	}
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	s := &Store{config: c, files: make([]fileState, len(kinds))}
	s.data.Store(Builtin())
	s.Reload()
	return s, nil
}

// Data returns the newest data.
func (s *Store) Data() *Data { return s.data.Load() }

// Run reloads changed files until the context ends.
func (s *Store) Run(ctx context.Context) {
	for range delay.Ticks(ctx, s.config.Interval) {
		s.Reload()
	}
}

// Reload loads the files that have changed since the last call. A file that is damaged or
// gone leaves the last good data in use. Readers see either all of a file or none of it.
func (s *Store) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := *s.data.Load()
	changed := false
	for i := range kinds {
		if s.reload(&kinds[i], &s.files[i], &next) {
			changed = true
		}
	}
	if changed {
		s.data.Store(&next)
	}
}

func (s *Store) reload(k *kind, state *fileState, next *Data) bool {
	found, err := s.find(k)
	if err != nil {
		s.absent(k, state, err)
		return false
	}
	state.gone = false
	if found == state.seen {
		return false
	}
	state.seen = found
	attempt := *next
	if err := k.load(&attempt, found.file); err != nil {
		state.fault = err.Error()
		s.config.Logger.Error("reference data is damaged; the last good data stays in use",
			"data", k.name, "file", found.file, "error", err, "in_use", state.loaded)
		return false
	}
	*next = attempt
	state.note(k, found, next)
	s.config.Logger.Info("loaded reference data", "data", k.name, "file", found.file, "bytes", found.size)
	return true
}

// find returns the first of the files that exists.
func (s *Store) find(k *kind) (fingerprint, error) {
	if s.config.Folder == "" {
		return fingerprint{}, fs.ErrNotExist
	}
	for _, name := range k.files {
		file := filepath.Join(s.config.Folder, filepath.FromSlash(name))
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fingerprint{}, err
		}
		if !info.Mode().IsRegular() {
			return fingerprint{}, fmt.Errorf("%s is no regular file", file)
		}
		return fingerprint{file: file, size: info.Size(), time: info.ModTime()}, nil
	}
	return fingerprint{}, fs.ErrNotExist
}

// absent logs once that no file of a kind can be found.
func (s *Store) absent(k *kind, state *fileState, err error) {
	if state.gone {
		return
	}
	state.gone, state.seen, state.fault = true, fingerprint{}, ""
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		state.fault = err.Error()
	case state.loaded != "":
		state.fault = "the file is gone"
	}
	if state.loaded != "" {
		s.config.Logger.Warn("reference data is gone; the last good data stays in use",
			"data", k.name, "file", state.loaded, "error", err)
		return
	}
	log := s.config.Logger.Warn
	if k.optional {
		log = s.config.Logger.Info
	}
	log("reference data is missing",
		"data", k.name, "folder", s.config.Folder, "files", k.files,
		"consequence", k.without, "cure", k.cure, "error", err)
}
