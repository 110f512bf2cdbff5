package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Config configures a [Supervisor]. Its zero value is usable.
type Config struct {
	// Logger receives starts, exits and restarts. Defaults to discarding.
	Logger *slog.Logger
	// Output receives the children's lines, each prefixed by its child's name.
	// Defaults to discarding.
	Output io.Writer
	// Colour paints the prefixes. Set it only when Output is a terminal.
	Colour bool
	// LogDir is the folder that gets one file per child, <name>.log. It is
	// made when missing. Defaults to none: no files.
	LogDir string
	// LogBytes bounds each of those files; the one before is kept as
	// <name>.log.1. Defaults to 8 MiB.
	LogBytes int64
	// TailLines is how many of a child's last lines are kept for error
	// messages. Defaults to 15.
	TailLines int
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var errs []error
	if c.LogBytes < 0 {
		errs = append(errs, errors.New("log bytes are negative"))
	}
	if c.TailLines < 0 {
		errs = append(errs, errors.New("tail lines are negative"))
	}
	return errors.Join(errs...)
}

// Supervisor runs children and outlives them all. Its methods may be called
// concurrently.
type Supervisor struct {
	cfg     Config
	spawner *spawner
	prefix  *prefixer

	mu       sync.Mutex
	children []*Child
	closed   bool
}

// New returns a supervisor without children. Close must be called in the end.
func New(cfg Config) (*Supervisor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("supervise: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Output == nil {
		cfg.Output = io.Discard
	}
	cfg.LogBytes = cmp.Or(cfg.LogBytes, 8<<20)
	cfg.TailLines = cmp.Or(cfg.TailLines, 15)
	if cfg.LogDir != "" {
		if err := os.MkdirAll(cfg.LogDir, 0o750); err != nil {
			return nil, fmt.Errorf("make log folder: %w", err)
		}
	}
	return &Supervisor{cfg: cfg, spawner: newSpawner(), prefix: newPrefixer(cfg.Output, cfg.Colour)}, nil
}

// Announce reserves room for the names of children to come, so that their
// lines are aligned from the first on.
func (s *Supervisor) Announce(names ...string) {
	for _, name := range names {
		s.prefix.add(name)
	}
}

// Start starts a child and returns at once; [Child.WaitReady] waits for it. It
// fails if spec is invalid or the supervisor is closed; a program that cannot
// be started is the child's failure, seen by WaitReady.
func (s *Supervisor) Start(spec Spec) (*Child, error) {
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("start %q: %w", spec.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("start %s: supervisor is closed", spec.Name)
	}
	var file *logFile
	if s.cfg.LogDir != "" {
		var err error
		if file, err = openLogFile(filepath.Join(s.cfg.LogDir, spec.Name+".log"), s.cfg.LogBytes); err != nil {
			return nil, fmt.Errorf("start %s: %w", spec.Name, err)
		}
	}
	s.prefix.add(spec.Name)
	c := newChild(s, spec.withDefaults(), file)
	s.children = append(s.children, c)
	go c.supervise()
	return c, nil
}

// Close stops the children in the reverse order of their start, one after the
// other, each within its StopTimeout, and waits for them. When ctx ends, those
// that are left are killed at once. It returns what went wrong on the way; no
// child is alive when it returns.
func (s *Supervisor) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	children := s.children
	s.children = nil
	s.mu.Unlock()

	var errs []error
	for i := len(children) - 1; i >= 0; i-- {
		errs = append(errs, children[i].Stop(ctx))
	}
	s.spawner.close()
	return errors.Join(errs...)
}
