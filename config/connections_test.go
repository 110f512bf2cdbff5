package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The variable of keyset_file is its own: it is not taken for a file whose content is
// keyset, so that a file that is not there yet is no fault until it is used.
func TestKeysetFileIsASettingOfItsOwn(t *testing.T) {
	t.Parallel()
	loaded, err := Load("", []string{"SLUICE_CONNECTIONS_KEYSET_FILE=/nowhere/keyset.json"})
	require.NoError(t, err)
	require.NoError(t, loaded.Validate())
	require.Equal(t, Connections{KeysetFile: "/nowhere/keyset.json"}, loaded.Connections)
	require.Equal(t, "/nowhere/keyset.json", loaded.Connections.File())

	loaded, err = Load("", []string{"SLUICE_CONNECTIONS_KEYSET=" + secret})
	require.NoError(t, err)
	require.Equal(t, Connections{Keyset: secret}, loaded.Connections)

	loaded, err = Load("", []string{"SLUICE_CONNECTIONS_KEYSET=" + secret, "SLUICE_CONNECTIONS_KEYSET_FILE=/nowhere"})
	require.NoError(t, err)
	require.EqualError(t, loaded.Validate(), "connections.keyset and connections.keyset_file are both set: use one")
}

func TestKeysetFileDefaultsToTheEmbeddedStack(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SLUICE_DEV_DATA", dir)
	require.Equal(t, filepath.Join(dir, "keyset.json"), Connections{}.File())
	t.Setenv("SLUICE_DEV_DATA", "")
	found, err := EmbeddedData()
	require.NoError(t, err)
	require.Equal(t, "sluice-dev", filepath.Base(found))
	require.True(t, filepath.IsAbs(Connections{}.File()))
}

func TestRefdataFolderDefaultsToTheEmbeddedStack(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SLUICE_DEV_DATA", dir)
	require.Equal(t, filepath.Join(dir, "refdata"), Refdata{}.Dir())
	require.Equal(t, "/data", Refdata{Folder: "/data"}.Dir())
}
