package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidateIngestion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"no health":    {func(c *Config) { c.Server.HealthListen = "off" }, ""},
		"no delay":     {func(c *Config) { c.Server.StopDelay = 0 }, ""},
		"listen off":   {func(c *Config) { c.Server.Listen = "off" }, `server.listen is "off": want host:port`},
		"proxies":      {func(c *Config) { c.Server.TrustedProxies = "10.0.0.0/8, 192.0.2.7,2001:db8::/32" }, ""},
		"connections":  {func(c *Config) { c.Server.MaxConnections = -1 }, "server.max_connections is -1: want 1 to 1000000"},
		"short bodies": {func(c *Config) { c.Server.MaxPendingMiB = 31 }, "server.max_pending_mib is 31: want 32 to 1048576"},
		"no timeout":   {func(c *Config) { c.Server.ReadTimeout = -1 }, "server.read_timeout is -1ns: want more than 0"},
		"no patience":  {func(c *Config) { c.Server.LogTimeout = 0 }, "server.log_timeout is 0s: want more than 0"},
		"delay":        {func(c *Config) { c.Server.StopDelay = -1 }, "server.stop_delay is -1ns: want at least 0"},
		"proxy": {
			func(c *Config) { c.Server.TrustedProxies = "10.0.0.0/8," + secret },
			"server.trusted_proxies: network 2 is invalid: want something like 10.0.0.0/8, 192.0.2.7",
		},
		"tags":  {func(c *Config) { c.Ingest.Bots, c.Ingest.DataCentres = "tag", "drop" }, ""},
		"mode":  {func(c *Config) { c.Ingest.Bots = "on" }, `ingest.bots is "on": want drop, tag or off`},
		"asns":  {func(c *Config) { c.Ingest.AllowASNs = "1, 4294967295" }, ""},
		"flush": {func(c *Config) { c.Ingest.FlushInterval = time.Hour }, "ingest.flush_interval is 1h0m0s: want 10ms to 1m"},
		"asn": {
			func(c *Config) { c.Ingest.AllowASNs = "1, AS2" },
			"ingest.allow_asns: number 2 is invalid: want something like 13335, 15169",
		},
		"allowed address": {
			func(c *Config) { c.Ingest.AllowIPs = "10.0.0.0/33" },
			"ingest.allow_ips: network 1 is invalid: want something like 10.0.0.0/8, 192.0.2.7",
		},
		"cluster": {func(c *Config) { c.EventLog.URL, c.EventLog.Replicas = "tls://a:1, tls://b:1", 3 }, ""},
		"url": {
			func(c *Config) { c.EventLog.URL = "nats://a:1,http://u:" + secret + "@b" },
			"eventlog.url: address 2 is invalid: want nats://host:4222 or tls://host:4222",
		},
		"two identities": {
			func(c *Config) { c.EventLog.Token, c.EventLog.Credentials = secret, "a.creds" },
			"eventlog.token and eventlog.credentials are both set: use one",
		},
		"small log": {
			func(c *Config) { c.EventLog.Partitions, c.EventLog.MaxMiB = 16, 63 },
			"eventlog.max_mib is 63: want 64 to 1073741824 for 16 partitions",
		},
		"many partitions": {
			func(c *Config) { c.EventLog.Partitions = 257 }, "eventlog.partitions is 257: want 1 to 256, or 0",
		},
		"many streams": {
			func(c *Config) { c.EventLog.Streams = 5 }, "eventlog.streams is 5: want 1 to 4, the number of partitions",
		},
		"a stream for each partition": {func(c *Config) { c.EventLog.Partitions, c.EventLog.Streams = 16, 16 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			test.change(&c)
			if test.want == "" {
				require.NoError(t, c.Validate())
				return
			}
			require.EqualError(t, c.Validate(), test.want)
		})
	}
}

func TestIngestionLists(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	s := Server{TrustedProxies: "10.1.2.3/8, 192.0.2.7 ,2001:db8::1"}
	require.Equal(t, []netip.Prefix{prefix("10.0.0.0/8"), prefix("192.0.2.7/32"), prefix("2001:db8::1/128")}, s.Proxies())
	i := Ingest{AllowIPs: "192.0.2.0/24", AllowASNs: "13335,1", AllowUserAgents: "Uptime, Probe/1.0"}
	require.Equal(t, []netip.Prefix{prefix("192.0.2.0/24")}, i.AllowedIPs())
	require.Equal(t, []uint32{13335, 1}, i.AllowedASNs())
	require.Equal(t, []string{"Uptime", "Probe/1.0"}, i.AllowedUserAgents())
	require.Empty(t, Default().Server.Proxies())
}

// The embedded log listens at the address at which its clients look for it.
func TestEmbeddedAddress(t *testing.T) {
	t.Parallel()
	e := Default().EventLog
	e.URL, e.Token, e.Dir = "nats://127.0.0.1:4222", secret, "/var/lib/sluice/log"
	address, err := e.EmbeddedAddress()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:4222", address)
	for _, url := range []string{"", "nats://a:1,nats://b:1", "tls://a:1", "nats://" + secret + "@a:1", "nats://a"} {
		e.URL = url
		_, err = e.EmbeddedAddress()
		require.EqualError(t, err, "eventlog.url: the embedded log listens there: want nats://127.0.0.1:4222")
	}
	_, err = EventLog{Replicas: 3}.EmbeddedAddress()
	require.EqualError(t, err, "eventlog.url: the embedded log listens there: want nats://127.0.0.1:4222\n"+
		"eventlog.token is empty: the embedded log wants a random text\n"+
		"eventlog.dir is empty: the embedded log wants a folder\n"+
		"eventlog.replicas: the embedded log has one server: want 1")
}
