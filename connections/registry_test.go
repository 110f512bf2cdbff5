package connections_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
)

// named is a kind by another name, and with other secrets.
type named struct {
	connections.Kind
	name    string
	secrets []connections.SecretSpec
}

func (n named) Name() string                      { return n.name }
func (n named) Secrets() []connections.SecretSpec { return n.secrets }

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := connections.NewRegistry(named{name: "webhook"}, connectiontest.Kind{})
	require.Equal(t, []string{"example", "webhook"}, r.Names(), "sorted, however registered")
	got, err := r.Lookup("example")
	require.NoError(t, err)
	require.Equal(t, "Example", got.Label())
	_, err = r.Lookup("Example")
	require.EqualError(t, err, `unknown kind of connection "Example" (want example, webhook)`)
	_, err = connections.NewRegistry().Lookup("example")
	require.EqualError(t, err, `unknown kind of connection "example" (none is registered)`)
	require.Empty(t, connections.NewRegistry().Names())
}

func TestRegisterPanics(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "connections: Register of a nil kind of connection", func() { connections.NewRegistry(nil) })
	require.PanicsWithValue(t, `connections: "example" is registered twice`,
		func() { connections.NewRegistry(connectiontest.Kind{}, connectiontest.Kind{}) })
	for _, name := range []string{"", "A", "9a", "a-b", "a/b", "a\n", "é", string(make([]byte, 51))} {
		require.Panics(t, func() { connections.NewRegistry(named{name: name}) }, "%q", name)
		require.Panics(t, func() {
			connections.NewRegistry(named{name: "a", secrets: []connections.SecretSpec{{Name: name}}})
		}, "%q", name)
	}
	twice := []connections.SecretSpec{{Name: "token"}, {Name: "token"}}
	require.Panics(t, func() { connections.NewRegistry(named{name: "a", secrets: twice}) })
}
