// Package scaffold generates the first version of a component from templates: code that compiles,
// passes its tests and names the next steps. Each kind of component has a folder of templates and a
// struct with their data.
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

// File is a generated file.
type File struct {
	// Path is the slash-separated path below the component's folder.
	Path string
	// Content is the file's content.
	Content []byte
}

// suffix is the suffix of templates. A file has the name of its template without the suffix, with
// placeholder replaced by the component's package.
const (
	suffix      = ".tmpl"
	placeholder = "PACKAGE"
)

// render renders all templates of a kind. Go code is formatted, so that templates do not depend on
// the length of names.
func render(kind, pkg string, data any) ([]File, error) {
	var files []File
	root := path.Join("templates", kind)
	err := fs.WalkDir(templates, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		// The default delimiters are common in Go code.
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

// ErrExists means that a file exists. The error that wraps it names all such files.
var ErrExists = errors.New("existing files are not overwritten")

// Write writes files below a folder, which it creates if necessary, and returns their paths. If any
// of the files exists, it writes none. If it fails, it removes the written files.
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
			return nil, fmt.Errorf("check for existing files: %w", err)
		}
		paths = append(paths, target)
	}
	if len(taken) > 0 {
		return nil, fmt.Errorf("already exist: %s: %w", strings.Join(taken, ", "), ErrExists)
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

// writeNew writes a file unless it exists.
func writeNew(target string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // source code is readable by all users
		return fmt.Errorf("create the folder: %w", err)
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
