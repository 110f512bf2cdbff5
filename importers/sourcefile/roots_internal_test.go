package sourcefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// places is a folder that files may be read from, one that they may not, and another root.
type places struct{ root, other, outside string }

func newPlaces(t *testing.T) places {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	p := places{root: filepath.Join(dir, "root"), other: filepath.Join(dir, "other"), outside: filepath.Join(dir, "outside")}
	for _, folder := range []string{p.root, p.other, p.outside} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "sub"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), []byte(filepath.Base(folder)), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "sub", "file"), []byte(filepath.Base(folder)+"/sub"), 0o600))
	}
	return p
}

func (p places) link(t *testing.T, name, target string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, filepath.Join(p.root, name)))
}

func read(t *testing.T, o *Opener, path string) (string, error) {
	t.Helper()
	f, err := o.Open(t.Context(), path)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return string(text), nil
}

// Files below the roots are read, also by links that stay there; links that lead out are refused,
// whatever is behind them.
func TestRoots(t *testing.T) {
	t.Parallel()
	p := newPlaces(t)
	p.link(t, "within", "sub/file")
	p.link(t, "absolute", filepath.Join(p.root, "sub"))
	p.link(t, "chain", "absolute")
	p.link(t, "across", filepath.Join(p.other, "file"))
	p.link(t, "up", "../root/file")
	p.link(t, "out", filepath.Join(p.outside, "file"))
	p.link(t, "out-relative", "../outside/file")
	p.link(t, "out-folder", "../outside")
	p.link(t, "out-nowhere", filepath.Join(p.outside, "nowhere"))
	p.link(t, "out-chain", "out-folder")
	p.link(t, "loop", "loop")
	p.link(t, "dangling", "nowhere")
	o := &Opener{Roots: []string{p.root, p.other, filepath.Join(p.root, "no-such-root")}}
	for path, want := range map[string]string{
		p.root + "/file": "root", p.root + "/within": "root/sub", p.root + "/absolute/file": "root/sub", p.root + "/chain/file": "root/sub",
		p.root + "/across": "other", p.root + "/up": "root", p.other + "/sub/file": "other/sub", p.root + "/sub/../file": "root",
	} {
		text, err := read(t, o, path)
		require.NoError(t, err, path)
		require.Equal(t, want, text, path)
		info, err := o.Stat(t.Context(), path)
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), path)
	}
	for path, want := range map[string]error{
		p.outside + "/file": ErrOutside, p.outside + "/nowhere": ErrOutside, "/etc/passwd": ErrOutside, "relative": ErrOutside,
		p.root + "/../outside/file": ErrOutside, p.root + "-2/file": ErrOutside, filepath.Dir(p.root): ErrOutside,
		p.root + "/out": ErrOutside, p.root + "/out-relative": ErrOutside, p.root + "/out-folder/file": ErrOutside,
		p.root + "/out-folder/nowhere": ErrOutside, p.root + "/out-nowhere": ErrOutside, p.root + "/out-chain/file": ErrOutside,
		p.root + "/loop": syscall.ELOOP, p.root + "/dangling": fs.ErrNotExist, p.root + "/nowhere": fs.ErrNotExist,
	} {
		_, err := read(t, o, path)
		require.ErrorIs(t, err, want, path)
		_, err = o.Stat(t.Context(), path)
		require.ErrorIs(t, err, want, path)
		_, err = o.ReadDir(t.Context(), path)
		require.ErrorIs(t, err, want, path)
	}
	entries, err := o.ReadDir(t.Context(), p.root+"/chain")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	entries, err = o.ReadDir(t.Context(), p.root)
	require.NoError(t, err)
	require.Equal(t, "absolute", entries[0].Name(), "sorted")
	require.ErrorContains(t, func() error { _, err := read(t, o, "/etc/passwd"); return err }(), "want a path below "+p.root+" or "+p.other)
}

// A path that becomes a link while it is opened does not lead out.
func TestRootsHoldAgainstRaces(t *testing.T) {
	t.Parallel()
	p := newPlaces(t)
	o := &Opener{Roots: []string{p.root}}
	err := o.within(filepath.Join(p.root, "sub", "file"), func(in *os.Root, rel string) error {
		require.NoError(t, os.RemoveAll(filepath.Join(p.root, "sub")))
		p.link(t, "sub", "../outside")
		f, err := in.OpenFile(rel, os.O_RDONLY|nonBlock, 0)
		if err == nil {
			return errors.Join(errors.New("it was opened"), f.Close())
		}
		return err
	})
	require.ErrorIs(t, err, ErrOutside)
}

// The root of all files has every file, also by absolute links; no roots have none.
func TestRootOfAll(t *testing.T) {
	t.Parallel()
	p := newPlaces(t)
	p.link(t, "out", filepath.Join(p.outside, "file"))
	text, err := read(t, &Opener{Roots: []string{"/"}}, filepath.Join(p.root, "out"))
	require.NoError(t, err)
	require.Equal(t, "outside", text)
	for _, roots := range [][]string{{}, {filepath.Join(p.root, "nowhere")}} {
		_, err = read(t, &Opener{Roots: roots}, filepath.Join(p.root, "file"))
		require.ErrorIs(t, err, ErrOutside)
	}
	_, err = read(t, &Opener{}, filepath.Join(p.root, "out"))
	require.NoError(t, err)
}

// A root that is itself reached by a link is named by either path.
func TestRootBehindLink(t *testing.T) {
	t.Parallel()
	p := newPlaces(t)
	p.link(t, "alias", p.other)
	o := &Opener{Roots: []string{filepath.Join(p.root, "alias")}}
	for _, path := range []string{p.root + "/alias/file", p.other + "/file"} {
		text, err := read(t, o, path)
		require.NoError(t, err)
		require.Equal(t, "other", text)
	}
	_, err := read(t, o, p.root+"/file")
	require.ErrorIs(t, err, ErrOutside)
}
