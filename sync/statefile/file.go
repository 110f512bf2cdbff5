package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/atomicfile"
	"github.com/sluicehq/sluice/sync"
)

// File is a state file. It is safe for concurrent use.
type File struct {
	path string
	// writing is held while the file is replaced: runs of several lists end at the same time.
	writing stdsync.Mutex
}

// New returns the state file at a path, which need not exist yet.
func New(path string) *File { return &File{path: path} }

// Read returns the entries of the file in their order. now is the current time. The error is a
// *FaultError if the content is wrong, and wraps fs.ErrNotExist if there is no file.
func (f *File) Read(now time.Time) ([]Entry, error) {
	data, err := read(f.path)
	if err != nil {
		return nil, err
	}
	_, entries, err := parse(data, now)
	return entries, in(f.path, err)
}

// in names the file of faults.
func in(path string, err error) error {
	if faults, ok := errors.AsType[*FaultError](err); ok {
		faults.Path = path
	}
	return err
}

// read returns the content of a state file.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the state file: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the state file: %w", err)
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("state file %s: want at most %d bytes", path, MaxBytes)
	}
	return data, nil
}

// Record writes the result of a run into the file as it is now, and replaces the file in one step.
// It reports whether the entry took the run's timestamp: a timestamp that was edited since the run began is
// kept, and decides about the next run.
//
// The errors are ErrGone if the entry was removed, and a *FaultError if the content is wrong; then the file is
// left as it is. An edit that is saved while the result is written is kept, and gets the result, whether the editor
// replaces the file or truncates and writes it. On systems other than Linux, and on file systems that cannot exchange
// two files, one that is saved at the very moment of the replacement is lost.
func (f *File) Record(now time.Time, r Result) (taken bool, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	// Behind a link is the file that people edit.
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return false, fmt.Errorf("write the state file: %w", err)
	}
	for range maxEdits {
		data, err := read(target)
		if err != nil {
			return false, err
		}
		doc, entries, err := parse(data, now)
		if err != nil {
			return false, in(f.path, err)
		}
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Key == r.Key })
		if i < 0 {
			return false, fmt.Errorf("list %s: %w", r.Key, ErrGone)
		}
		if r.Uncertain && r.stands(&doc.objects[i]) {
			return entries[i].LatestTimestamp.Equal(r.LatestTimestamp), nil
		}
		taken = sameSecond(entries[i].LatestTimestamp, r.Base)
		r.apply(&doc.objects[i], taken)
		after, err := doc.bytes()
		if err != nil {
			return false, fmt.Errorf("write the state file: %w", err)
		}
		switch done, err := put(target, data, after); {
		case err != nil:
			return false, fmt.Errorf("write the state file: %w", err)
		case done:
			return taken, nil
		}
	}
	return false, fmt.Errorf("write the state file %s: %w", f.path, errBusy)
}

// sameSecond compares the part of two times that is stored of a run's beginning.
func sameSecond(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }

// apply sets the results of a run.
func (r Result) apply(o *object, timestamp bool) {
	if timestamp {
		o.set("latest_timestamp", []byte(strconv.Quote(r.LatestTimestamp.UTC().Format(sync.TimestampLayout))))
	}
	o.set("elapsed_seconds", r.elapsed())
	o.set("total_updates", r.updates())
}

// elapsed and updates are values of the file.
func (r Result) elapsed() []byte {
	return strconv.AppendFloat(nil, math.Round(r.Elapsed.Seconds()*10)/10, 'f', -1, 64)
}

func (r Result) updates() []byte { return strconv.AppendInt(nil, r.Updates, 10) }

// stands reports whether an entry has the figures of the run.
func (r Result) stands(o *object) bool {
	elapsed, updates := o.find("elapsed_seconds"), o.find("total_updates")
	return elapsed >= 0 && updates >= 0 && bytes.Equal(o.fields[elapsed].value, r.elapsed()) &&
		bytes.Equal(o.fields[updates].value, r.updates())
}

// bytes returns the document, indented by two spaces.
func (d document) bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, o := range d.objects {
		b.WriteString(separator(i, "\n  {"))
		for j, f := range o.fields {
			name, err := json.Marshal(f.name)
			if err != nil {
				return nil, err
			}
			b.WriteString(separator(j, "\n    "))
			b.Write(name)
			b.WriteString(": ")
			if err := json.Indent(&b, f.value, "    ", "  "); err != nil {
				return nil, err
			}
		}
		b.WriteString("\n  }")
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}

func separator(i int, text string) string {
	if i > 0 {
		return "," + text
	}
	return text
}

// put replaces the content of path, unless it is not before, or an edit comes at the same moment: then it reports that
// nothing is done, and the file is as it was edited.
func put(path string, before, after []byte) (done bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	next, err := atomicfile.Prepare(path, after, info.Mode().Perm())
	if err != nil {
		return false, err
	}
	defer func() {
		if gone := os.Remove(next); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if !has(path, before) {
		return false, nil
	}
	err = atomicfile.Exchange(next, path)
	if errors.Is(err, errors.ErrUnsupported) {
		if err := os.Rename(next, path); err != nil {
			return false, err
		}
		return true, atomicfile.SyncFolder(path)
	}
	switch {
	case err != nil:
		return false, err
	case has(next, before):
		return true, atomicfile.SyncFolder(path)
	default:
		return false, restore(next, path, after)
	}
}

// has reports whether a file has a content.
func has(path string, content []byte) bool {
	now, err := read(path)
	return err == nil && bytes.Equal(now, content)
}

// maxEdits bounds the edits that come one after the other while a result is written.
const maxEdits = 100

// restore puts back the file that was edited at the moment of its replacement, which next is now; ours is what has
// replaced it. If that was edited as well, it is the later edit, and goes back instead.
func restore(next, path string, ours []byte) error {
	for range maxEdits {
		// An edit goes back also if it cannot be read, such as one that is too large.
		edited, unread := read(next)
		if err := atomicfile.Exchange(next, path); err != nil {
			return err
		}
		if has(next, ours) {
			return atomicfile.SyncFolder(path)
		}
		if unread != nil {
			return unread
		}
		ours = edited
	}
	return errBusy
}

var errBusy = errors.New("another program changes it all the time")
