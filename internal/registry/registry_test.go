package registry_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/registry"
)

type tool interface {
	registry.Named
	sharp() bool
}

type knife string

func (k knife) Name() string { return string(k) }
func (k knife) sharp() bool  { return k != "butter" }

func checkSharp(t tool) error {
	if !t.sharp() {
		return errors.New("is blunt")
	}
	return nil
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := registry.New("tools", "tool", checkSharp)
	_, err := r.Lookup("bread")
	require.EqualError(t, err, `unknown tool "bread" (none is registered)`)
	require.Empty(t, r.All())
	r.Register(knife("paring"))
	r.Register(knife("bread"))
	got, err := r.Lookup("bread")
	require.NoError(t, err)
	require.Equal(t, knife("bread"), got)
	require.Equal(t, []string{"bread", "paring"}, r.Names(), "sorted, however registered")
	require.Equal(t, []tool{knife("bread"), knife("paring")}, r.All())
	_, err = r.Lookup("Bread")
	require.EqualError(t, err, `unknown tool "Bread" (want bread, paring)`)
	for want, entry := range map[string]tool{
		"tools: Register of a nil tool":                                 nil,
		`tools: "bread" is registered twice`:                            knife("bread"),
		`tools: "butter": is blunt`:                                     knife("butter"),
		"tools: the name \"a-b\" does not match ^[a-z][a-z0-9_]{0,49}$": knife("a-b"),
	} {
		require.PanicsWithValue(t, want, func() { r.Register(entry) })
	}
}
