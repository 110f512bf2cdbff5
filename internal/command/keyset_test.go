package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

func TestKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	s := offline()
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET_FILE="+path)
	require.Equal(t, "created a key set in "+path+": name it in SLUICE_CONNECTIONS_KEYSET_FILE for commands and the worker, "+
		"and keep a copy of it in a safe place\n", s.ok(t, "keyset", "create", "--out", path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.fails(t, "create the key set's file: "+path+": file already exists: `sluice keyset rotate --file "+path+"` adds a key to it",
		"keyset", "create", "--out", path)

	var keys []connections.Key
	s.json(t, &keys, "keyset", "list")
	require.Len(t, keys, 1)
	require.True(t, keys[0].Primary)
	require.Contains(t, s.ok(t, "keyset", "rotate", "--file", path), "is the primary one of "+path)
	var rotated []connections.Key
	s.json(t, &rotated, "keyset", "list", "--file", path)
	require.Len(t, rotated, 2)
	require.Equal(t, connections.Key{ID: keys[0].ID, Enabled: true}, rotated[0])
	require.Regexp(t, `^ *KEY +IS\n *\d+  old\n *\d+  primary\n$`, s.ok(t, "keyset", "list"))

	// On standard output it is what connections.keyset takes.
	text := s.ok(t, "keyset", "create")
	inline := offline()
	inline.environ = append(inline.environ, "SLUICE_CONNECTIONS_KEYSET="+text)
	var own []connections.Key
	inline.json(t, &own, "keyset", "list")
	require.Len(t, own, 1)
	inline.fails(t, "connections.keyset is set, and cannot be rotated in place: "+
		"write it to a file, rotate that with --file, then set it anew", "keyset", "rotate")
}
