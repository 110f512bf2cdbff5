package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// markSetting is the setting that tells our queries apart. The engine gives
// each query an ID that we neither choose nor learn, but shows a query's
// settings beside it, and this one has a meaning in the PromQL dialect alone.
const markSetting = "promql_table"

// killInterval is the interval of repeated cancellations of a query: the engine does not know a
// query while it parses it.
const killInterval = 20 * time.Millisecond

// engine is the running ClickHouse engine with a limit on its use.
//
// Every request gets a connection of its own: opening one takes a quarter of
// a millisecond and nothing of an earlier request can be left in it, be it
// settings, the current database or temporary tables.
type engine struct {
	lib      *library
	args     []string
	database string
	threads  int
	pipes    *pipeDir
	slots    chan struct{}

	// control is never handed out. It keeps the engine alive between
	// requests and cancels queries even while all slots are taken.
	control *conn
	mu      sync.Mutex // of control

	version, timezone, displayName string
}

// openEngine boots the engine on cfg's data and makes its database.
func openEngine(cfg Config) (*engine, error) {
	pipes, err := newPipeDir(filepath.Join(cfg.DataDir, "pipes"))
	if err != nil {
		return nil, err
	}
	rights, err := writeRights(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	e := &engine{
		args:     []string{"--path=" + filepath.Join(cfg.DataDir, "engine"), "--config-file=" + rights},
		database: cfg.Database,
		threads:  cfg.MaxThreads,
		pipes:    pipes,
		slots:    make(chan struct{}, cfg.MaxConnections),
	}
	if cfg.MaxMemory > 0 {
		e.args = append(e.args, "--max_server_memory_usage="+strconv.FormatInt(cfg.MaxMemory, 10))
	}
	err = keepSignals(func() (err error) {
		if e.lib, err = openLibrary(cfg.LibraryPath); err != nil {
			return err
		}
		e.control, err = e.lib.dial(e.args)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	if err := e.prepare(); err != nil {
		e.control.close()
		return nil, fmt.Errorf("prepare engine: %w", err)
	}
	return e, nil
}

// prepare makes the database and asks what the handshake tells clients.
func (e *engine) prepare() error {
	if err := e.control.run("CREATE DATABASE IF NOT EXISTS " + quoteName(e.database)); err != nil {
		return err
	}
	r, err := e.control.exec("SELECT version(), timezone(), displayName()", "TSVRaw", params{})
	if err != nil {
		return err
	}
	defer r.destroy()
	fields := strings.Split(strings.TrimSuffix(string(r.data), "\n"), "\t")
	if len(fields) != 3 {
		return fmt.Errorf("engine describes itself as %q", r.data)
	}
	e.version, e.timezone, e.displayName = fields[0], fields[1], fields[2]
	return nil
}

// session is a connection in use, with the mark of its query.
type session struct {
	*conn
	mark string
}

// do runs f with a connection that is set up for req, once one of the slots
// is free. Waiting ends with ctx.
func (e *engine) do(ctx context.Context, req *request, f func(*session) error) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return newException(codeTooManyQueries,
			"Too many simultaneous queries: no connection became free: %s", context.Cause(ctx))
	}
	// The engine keeps a query's state in the variables of its thread, from
	// the first piece of a stream to the last.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	c, err := e.lib.dial(e.args)
	if err != nil {
		return fmt.Errorf("open connection: %w", err)
	}
	defer c.close()
	if err := c.run(e.setup(req)); err != nil {
		return err
	}
	database := cmp.Or(req.database, e.database)
	if err := c.run("USE " + quoteName(database)); err != nil {
		return err
	}
	return f(&session{c, req.mark})
}

// setup is the SET that gives a connection what req asks for.
func (e *engine) setup(req *request) string {
	set := []string{
		// A server does not take "1 + 1" for a query, the library does.
		"implicit_select = 0",
		markSetting + " = " + quote(req.mark),
	}
	if e.threads > 0 {
		set = append(set, "max_threads = "+strconv.Itoa(e.threads))
	}
	for _, s := range req.settings {
		set = append(set, s.name+" = "+quote(s.value))
	}
	if req.readOnly {
		// The last one, as nothing can be set any more after it.
		set = append(set, "readonly = 2")
	}
	return "SET " + strings.Join(set, ", ")
}

// checkDatabase returns an error if there is no database with that name. The
// empty name stands for the default database.
func (e *engine) checkDatabase(name string) error {
	if name == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := e.control.exec("EXISTS DATABASE "+quoteName(name), "TSV", params{})
	if err != nil {
		return err
	}
	defer r.destroy()
	if strings.TrimSpace(string(r.data)) != "1" {
		return newException(codeUnknownDatabase, "Database %s does not exist", quoteName(name))
	}
	return nil
}

// kill tells the query with the given mark to end, and returns whether there
// is such a query. It does not wait for the end.
func (e *engine) kill(mark string) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := e.control.exec("KILL QUERY WHERE Settings["+quote(markSetting)+"] = "+quote(mark)+" ASYNC", "TSV", params{})
	if err != nil {
		return false, fmt.Errorf("kill query: %w", err)
	}
	defer r.destroy()
	return len(r.data) > 0, nil
}

// killUntil cancels the query until the engine shows it as cancelled, or until
// done is closed because it has ended.
func (e *engine) killUntil(done <-chan struct{}, mark string) error {
	ticker := time.NewTicker(killInterval)
	defer ticker.Stop()
	for {
		if killed, err := e.kill(mark); killed || err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-ticker.C:
		}
	}
}

// killWith tells the query to end when ctx ends. The caller calls stop once
// the query has ended; it returns the error of the killing, if there was one.
func (e *engine) killWith(ctx context.Context, mark string) (stop func() error) {
	done := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		select {
		case <-done:
			result <- nil
		case <-ctx.Done():
			result <- e.killUntil(done, mark)
		}
	}()
	return func() error {
		close(done)
		return <-result
	}
}

// close waits until every connection is back and stops the engine. If ctx
// ends before, the engine is left running and its data as after a crash,
// which they are made to survive.
func (e *engine) close(ctx context.Context) error {
	for range cap(e.slots) {
		select {
		case e.slots <- struct{}{}:
		case <-ctx.Done():
			return errors.New("stop engine: queries are still running")
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.control.close()
	return nil
}
