package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// File is a state file. It is safe for concurrent use.
type File struct {
	path string
	// writing is held while the file is replaced: runs of several lists end at the same time.
	writing sync.Mutex
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
	var faults *FaultError
	if errors.As(err, &faults) {
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
// left as it is. A change that is saved while the file is read and replaced is seen, but for the moment
// between the last look at the file and its replacement.
func (f *File) Record(now time.Time, r Result) (taken bool, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	// Behind a link is the file that people edit.
	target, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return false, fmt.Errorf("write the state file: %w", err)
	}
	for range 100 {
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
		taken = entries[i].LatestTimestamp.Equal(r.Base)
		r.apply(&doc.objects[i], taken)
		after, err := doc.bytes()
		if err != nil {
			return false, fmt.Errorf("write the state file: %w", err)
		}
		switch replaced, err := replace(target, data, after); {
		case err != nil:
			return false, fmt.Errorf("write the state file: %w", err)
		case replaced:
			return taken, nil
		}
	}
	return false, fmt.Errorf("write the state file %s: another program changes it all the time", f.path)
}

// apply sets the results of a run.
func (r Result) apply(o *object, timestamp bool) {
	if timestamp {
		o.set("latest_timestamp", []byte(strconv.Quote(r.LatestTimestamp.UTC().Format(layout))))
	}
	seconds := math.Round(r.Elapsed.Seconds()*10) / 10
	o.set("elapsed_seconds", strconv.AppendFloat(nil, seconds, 'f', -1, 64))
	o.set("total_updates", strconv.AppendInt(nil, r.Updates, 10))
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

// replace writes a file beside path and moves it there, unless the content of path is no longer before.
func replace(path string, before, after []byte) (replaced bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return false, err
	}
	defer func() {
		if !replaced {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(after)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err != nil {
		return false, err
	}
	now, err := read(path)
	if err != nil || !bytes.Equal(now, before) {
		return false, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return false, err
	}
	return true, syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename durable.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
