// Package scaffold writes the first version of a component from templates: code that
// compiles, passes its tests and says where to go on. A kind of component is a folder of
// templates and a struct of what they are filled with.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// File is a file to be written.
type File struct {
	// Path is where, below the folder of the component, with slashes.
	Path string
	// Content is what.
	Content []byte
}

// suffix is that of templates. A file's name is its template's without it, and with
// placeholder replaced by the component's package.
const (
	suffix      = ".tmpl"
	placeholder = "PACKAGE"
)

// render fills all templates of a kind. Go code is formatted, so that templates need not
// care how long a name is.
func render(kind, pkg string, data any) ([]File, error) {
	var files []File
	root := path.Join("templates", kind)
	err := fs.WalkDir(templates, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		// Go has braces enough of its own.
		t, err := template.New(path.Base(name)).Delims("<%", "%>").Option("missingkey=error").ParseFS(templates, name)
		if err != nil {
			return fmt.Errorf("parse template: %w", err)
		}
		var text bytes.Buffer
		if err := t.Execute(&text, data); err != nil {
			return fmt.Errorf("fill template: %w", err)
		}
		file := File{Path: strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), suffix), Content: text.Bytes()}
		file.Path = strings.ReplaceAll(file.Path, placeholder, pkg)
		if path.Ext(file.Path) == ".go" {
			if file.Content, err = format.Source(file.Content); err != nil {
				return fmt.Errorf("format %s: %w", file.Path, err)
			}
		}
		files = append(files, file)
		return nil
	})
	return files, err
}

// ErrExists means that a file is there already; it is wrapped in an error that names all
// such files.
var ErrExists = errors.New("nothing is overwritten")

// Write writes files below a folder, which it makes where it is missing, and returns
// their paths. Nothing is overwritten: if a file is there already, none is written. If
// writing fails, what was written is removed again.
func Write(dir string, files []File) (paths []string, err error) {
	var taken []string
	for _, f := range files {
		target := filepath.Join(dir, filepath.FromSlash(f.Path))
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return nil, fmt.Errorf("%s is not below the folder", f.Path)
		}
		if _, err := os.Lstat(target); err == nil {
			taken = append(taken, target)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for what is there: %w", err)
		}
		paths = append(paths, target)
	}
	if len(taken) > 0 {
		return nil, fmt.Errorf("there already: %s: %w", strings.Join(taken, ", "), ErrExists)
	}
	for i, f := range files {
		if err := writeNew(paths[i], f.Content); err != nil {
			for _, written := range paths[:i] {
				err = errors.Join(err, os.Remove(written))
			}
			return nil, err
		}
	}
	return paths, nil
}

// writeNew writes a file that nobody has made meanwhile.
func writeNew(target string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // source code is for everybody
		return fmt.Errorf("make the folder: %w", err)
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), f.Close(), os.Remove(target))
	}
	return f.Close()
}
