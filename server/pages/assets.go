package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// assetsPrefix is the beginning of the paths of assets.
const assetsPrefix = "/assets/"

//go:embed static
var static embed.FS

// assets are the files that pages load. Their paths have a hash of their content, so that browsers keep them.
type assets struct {
	files map[string]asset
	// paths are the paths by name.
	paths map[string]string
	// live means that the scripts of the build tag assets are there.
	live bool
}

type asset struct {
	media         string
	plain, packed []byte
}

// openAssets reads the embedded files.
func openAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}, paths: map[string]string{}, live: len(scripts) > 0}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		return a.add(path.Base(name), data)
	})
	if err != nil {
		return nil, fmt.Errorf("read the files of pages: %w", err)
	}
	for name, data := range scripts {
		if err := a.add(name, data); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// add adds a file.
func (a *assets) add(name string, data []byte) error {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := writer.Write(data); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	extension := path.Ext(name)
	at := assetsPrefix + strings.TrimSuffix(name, extension) + "." + hex.EncodeToString(sum[:6]) + extension
	a.files[at] = asset{media: mime.TypeByExtension(extension), plain: data, packed: packed.Bytes()}
	a.paths[name] = at
	return nil
}

// path returns the path of a file.
func (a *assets) path(name string) (string, error) {
	at, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return at, nil
}

// ServeHTTP answers with a file.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.media)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	data := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		data = file.packed
	}
	// The browser may have gone.
	_, _ = w.Write(data) //nolint:errcheck // see above
}
