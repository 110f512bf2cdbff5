package config

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

// allowed says whether connections of a kind may dial an address; nothing answers there.
func allowed(t *testing.T, c Connections, kind string, e outbound.Exposure, address string) bool {
	t.Helper()
	ctx := t.Context()
	conn, err := c.Guard(kind).Dialer(e).DialContext(ctx, "tcp", address)
	if err == nil {
		require.NoError(t, conn.Close())
	}
	var refused *outbound.RefusedError
	if err == nil || !strings.Contains(err.Error(), "connections.") {
		return true
	}
	require.ErrorAs(t, err, &refused)
	return false
}

func TestGuards(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	here, metadata := l.Addr().String(), "169.254.169.254:80"
	for kind, local := range map[string]bool{
		"clickhouse": true, "postgres": true, "smtp": true, "webhook": false, "google_analytics_4": false, "nope": false,
	} {
		require.Equal(t, local, allowed(t, Connections{}, kind, outbound.Exposed, here), kind)
		require.False(t, allowed(t, Connections{}, kind, outbound.Protected, metadata), kind)
		set := Connections{Addresses: "webhook = public + loopback,smtp=10.0.0.0/8, google_analytics_4=any"}
		require.NoError(t, Default().validWith(set))
		want := kind != "smtp" && kind != "nope"
		require.Equal(t, want, allowed(t, set, kind, outbound.Exposed, here), kind)
		// Settings that are not valid allow nothing.
		require.False(t, allowed(t, Connections{Addresses: kind + "=any,x"}, kind, outbound.Protected, here), kind)
	}
}

// Kinds that a program adds are known, and dial public addresses unless the settings say
// otherwise.
func TestGuardsOfAddedKinds(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	here := l.Addr().String()
	set := Connections{Kinds: []string{"crm", "clickhouse"}}
	require.NoError(t, Default().validWith(set))
	require.False(t, allowed(t, set, "crm", outbound.Protected, here))
	require.True(t, allowed(t, set, "clickhouse", outbound.Protected, here), "a kind of Sluice's own keeps its rule")
	set.Addresses = "crm=loopback"
	require.NoError(t, Default().validWith(set))
	require.True(t, allowed(t, set, "crm", outbound.Protected, here))
	set.Addresses = "crmm=loopback"
	require.EqualError(t, Default().validWith(set), `connections.addresses: no kind "crmm": want KIND=ADDRESSES, where KIND `+
		"is one of clickhouse, crm, google_analytics_4, mailchimp, ometria, postgres, smtp, upload, webhook")
}

func TestGuardFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"webhooks=any": `connections.addresses: no kind "webhooks": want KIND=ADDRESSES, where KIND is one of clickhouse, ` +
			"google_analytics_4, mailchimp, ometria, postgres, smtp, upload, webhook",
		"any": `connections.addresses: no kind "any": want KIND=ADDRESSES, where KIND is one of clickhouse, ` +
			"google_analytics_4, mailchimp, ometria, postgres, smtp, upload, webhook",
		"webhook=any,webhook=public": "connections.addresses: kind webhook is given twice",
		"webhook":                    `connections.addresses: kind webhook: "" is not a set of addresses: want public, private, loopback, any, a network such as 10.0.0.0/8, or several with + between them`,
		"smtp=all":                   `connections.addresses: kind smtp: "all" is not a set of addresses: want public, private, loopback, any, a network such as 10.0.0.0/8, or several with + between them`,
	} {
		require.EqualError(t, Default().validWith(Connections{Addresses: text}), want)
	}
	require.ErrorContains(t, Default().validWith(Connections{Cleartext: "yes"}), `connections.cleartext: "yes" is not a set of addresses`)
	require.NoError(t, Default().validWith(Connections{Cleartext: "10.0.0.0/8+any"}))
}

// validWith validates the settings with others for connections.
func (c Config) validWith(connections Connections) error {
	c.Connections = connections
	return c.Validate()
}
