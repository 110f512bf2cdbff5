package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCSVRoots(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{}, Default().CSV.Folders(), "none, which is not the same as any")
	c := Default()
	c.CSV.Roots = "/data/imports::/srv/exports"
	require.NoError(t, c.Validate())
	require.Equal(t, []string{"/data/imports", "/srv/exports"}, c.CSV.Folders())
	c.CSV.Roots = "/data:exports"
	require.EqualError(t, c.Validate(), `csv.roots has "exports": want absolute paths of folders`)
}
