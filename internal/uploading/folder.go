// Package uploading keeps files that were uploaded for imports, in a folder that all servers and workers share.
//
// The file of an upload is <folder>/<ID>/<name>: importers recognise files by their names. It is complete once it has
// that name; before it is <folder>/<ID>/.partial.
package uploading

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	servingstore "github.com/sluicehq/sluice/store/serving"
)

// Errors of uploads.
var (
	// ErrDisabled means that there is no folder for uploads.
	ErrDisabled = errors.New("uploads are disabled: set server.upload_dir")
	// ErrInvalid means that a name or a file is wrong. Nothing is kept.
	ErrInvalid = errors.New("invalid upload")
	// ErrTooLarge means that a file is larger than it may be. Nothing is kept.
	ErrTooLarge = errors.New("the file is too large")
	// ErrRead means that the bytes could not be read from the sender. Nothing is kept.
	ErrRead = errors.New("the file did not arrive")
)

// Folder keeps uploads. It is safe for concurrent use, also by several processes.
type Folder struct {
	// Dir is the folder; "" allows no uploads.
	Dir string
	// MaxBytes bounds an upload, MaxPerSite the uploads of a site.
	MaxBytes   int64
	MaxPerSite int64
	// Store knows the uploads, Sites their sites.
	Store *servingstore.Store
	Sites *importstore.Store
	// Registry has the importers, which check the files.
	Registry *importers.Registry
}

const (
	// partial is the name of a file that is being written.
	partial = ".partial"
	// maxName is the length of a name, in bytes.
	maxName = 200
	// orphanAge is how old a folder without an upload must be to be removed.
	orphanAge = 2 * servingstore.UploadTimeout
	// dropTimeout bounds the removal of an upload that has failed.
	dropTimeout = 10 * time.Second
)

// File is a file to keep.
type File struct {
	// Site is the domain of the site, Source the importer that is to read it.
	Site, Source string
	// Name is the name of the file, without a folder. By says who uploads it.
	Name, By string
	// Content has the bytes.
	Content io.Reader
}

// Put keeps a file for servingstore.UploadLife. The errors are those above, store.ErrNotFound for an unknown site and
// store.ErrLimit if the site has as many uploads as it may.
func (f *Folder) Put(ctx context.Context, file File) (_ servingstore.Upload, err error) {
	reader, err := f.reader(file)
	if err != nil {
		return servingstore.Upload{}, err
	}
	site, err := f.Sites.Site(ctx, file.Site)
	if err != nil {
		return servingstore.Upload{}, err
	}
	id := rand.Text()
	if err := f.Store.BeginUpload(ctx, servingstore.NewUpload{
		ID: id, SiteID: site.ID, Name: file.Name, By: file.By, MaxPerSite: f.MaxPerSite,
	}); err != nil {
		return servingstore.Upload{}, err
	}
	defer func() {
		if err == nil {
			return
		}
		dropping, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		err = errors.Join(err, f.remove(id), f.Store.DropUpload(dropping, id))
	}()
	size, sum, err := f.write(ctx, id, file)
	if err != nil {
		return servingstore.Upload{}, err
	}
	path := f.path(id, file.Name)
	if err := reader.CheckFiles(ctx, []string{path}); err != nil {
		if ctx.Err() != nil {
			return servingstore.Upload{}, ctx.Err()
		}
		text := strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), "")
		return servingstore.Upload{}, fmt.Errorf("%w: %s", ErrInvalid, text)
	}
	entry := store.AuditEntry{
		Operation: "upload.create", SubjectType: "upload", SubjectID: id, Site: file.Site,
		After: servingstore.UploadDocument{Name: file.Name, Bytes: size, SHA256: sum},
	}
	if err := f.Store.Audited(ctx, entry, func(ctx context.Context) error {
		return f.Store.CompleteUpload(ctx, id, size, sum)
	}); err != nil {
		return servingstore.Upload{}, err
	}
	return f.Store.Upload(ctx, file.Site, id)
}

// reader returns the importer that is to read a file, if the file may be kept.
func (f *Folder) reader(file File) (importers.FileReader, error) {
	if f.Dir == "" {
		return nil, ErrDisabled
	}
	if err := checkName(file.Name); err != nil {
		return nil, err
	}
	importer, err := f.Registry.Lookup(file.Source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	reader, ok := importer.(importers.FileReader)
	if !ok {
		return nil, fmt.Errorf("%w: the importer %s reads no files", ErrInvalid, file.Source)
	}
	return reader, nil
}

// checkName refuses names that are more than the name of a visible file.
func checkName(name string) error {
	plain := store.Plain(name) == name && !strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == ':'
	})
	if !plain || name == "" || len(name) > maxName || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%w: the name of the file has %d bytes: want 1 to %d, no slash, backslash, colon or control "+
			"character, and no dot at the beginning", ErrInvalid, len(name), maxName)
	}
	return nil
}

// write writes the bytes, and gives the file its name once they are on disk.
func (f *Folder) write(ctx context.Context, id string, file File) (size int64, sum string, err error) {
	folder := filepath.Join(f.Dir, id)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return 0, "", fmt.Errorf("create the folder of an upload: %w", err)
	}
	path := filepath.Join(folder, partial)
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640) //nolint:gosec // workers may be of the group
	if err != nil {
		return 0, "", fmt.Errorf("create the file of an upload: %w", err)
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, hash), &content{ctx: ctx, r: file.Content, left: f.MaxBytes})
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return 0, "", fmt.Errorf("write an upload: %w", err)
	}
	if err := os.Rename(filepath.Join(folder, partial), filepath.Join(folder, file.Name)); err != nil {
		return 0, "", fmt.Errorf("name the file of an upload: %w", err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), nil
}

// content bounds what a sender sends.
type content struct {
	ctx  context.Context //nolint:containedctx // a reader has no other way to end
	r    io.Reader
	left int64
}

// Read reads from the sender.
func (c *content) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, ErrTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("%w: %w", ErrRead, err)
	}
	return n, err
}

// path returns the path of an upload's file.
func (f *Folder) path(id, name string) string { return filepath.Join(f.Dir, id, name) }

// remove removes the folder of an upload.
func (f *Folder) remove(id string) error {
	if err := os.RemoveAll(filepath.Join(f.Dir, id)); err != nil {
		return fmt.Errorf("remove an upload: %w", err)
	}
	return nil
}

// Hold returns the path of an upload of a site for an import that is to be started, or store.ErrNotFound. The upload is
// kept meanwhile.
func (f *Folder) Hold(ctx context.Context, domain, id string) (path string, err error) {
	if f.Dir == "" {
		return "", ErrDisabled
	}
	upload, err := f.Store.HoldUpload(ctx, domain, id)
	if err != nil {
		return "", err
	}
	return f.path(upload.ID, upload.Name), nil
}

// Contains tells whether a path leads into the folder, by its text. Uploads are read by their IDs only: a path would
// not say for which site.
func (f *Folder) Contains(path string) bool {
	if f.Dir == "" || !filepath.IsAbs(path) {
		return false
	}
	rel, err := filepath.Rel(filepath.Clean(f.Dir), filepath.Clean(path))
	return err == nil && filepath.IsLocal(rel)
}

// Delete deletes an upload of a site. The errors are store.ErrNotFound, and store.ErrInUse if an import under way reads
// it.
func (f *Folder) Delete(ctx context.Context, domain, id string) error {
	if f.Dir == "" {
		return ErrDisabled
	}
	entry := store.AuditEntry{Operation: "upload.delete", SubjectType: "upload", SubjectID: id, Site: domain}
	if err := f.Store.Audited(ctx, entry, func(ctx context.Context) error {
		return f.Store.DeleteUpload(ctx, domain, id)
	}); err != nil {
		return err
	}
	return f.remove(id)
}

// Sweep deletes uploads that have expired, and folders that have no upload.
func (f *Folder) Sweep(ctx context.Context) error {
	if f.Dir == "" {
		return nil
	}
	ids, err := f.Store.SweepUploads(ctx)
	for _, id := range ids {
		err = errors.Join(err, f.remove(id))
	}
	return errors.Join(err, f.sweepOrphans(ctx))
}

// sweepOrphans removes folders of uploads that are unknown: a process died while it deleted one.
func (f *Folder) sweepOrphans(ctx context.Context) error {
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	var old []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.IsDir() && len(entry.Name()) == len(rand.Text()) && time.Since(info.ModTime()) > orphanAge {
			old = append(old, entry.Name())
		}
	}
	if len(old) == 0 {
		return nil
	}
	known, err := f.Store.KnownUploads(ctx, old)
	if err != nil {
		return err
	}
	var faults []error
	for _, id := range old {
		if !slices.Contains(known, id) {
			faults = append(faults, f.remove(id))
		}
	}
	return errors.Join(faults...)
}
