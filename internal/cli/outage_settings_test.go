package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	accessclient "github.com/sluicehq/sluice/starter/access"
)

// Every command about connections, keys and sites survives an outage of the store at each of its
// statements.
func TestStoreOutageOfSettings(t *testing.T) {
	t.Parallel()
	s, _ := withKinds(t, ingestSite(t))
	s = s.withWarehouse(t)
	o := s.throughOutages(t)
	o.meetStore(t,
		"connection add shop --kind example --secret token=env:TOKEN",
		"connection add shop --kind example --secret token=env:TOKEN --replace",
		"connection list", "connection show shop", "connection kinds",
		"connection pause shop --reason x", "connection rotate shop", "connection rotate --all", "keyset adopt",
		"site set example.com --goal Signup --block", "site shield add example.com --ip 192.0.2.1", "site shield list example.com",
		"site shield remove example.com --ip 192.0.2.1", "site key create example.com --label x", "site key list example.com",
		"site show example.com", "connection remove shop", "migrate status", "migrate up",
	)
	var keys []accessclient.SiteKey
	s.json(t, &keys, "site", "key", "list", "example.com")
	require.Len(t, keys, 1, "a key that was not shown is not stored")
	o.meetStore(t, "site key revoke example.com "+keys[0].Prefix)
	s.meetFullDisk(t, "site key list example.com", "site shield list example.com", "site show example.com",
		"site set example.com --goal Signup", "connection list", "keyset list", "keyset create", "keyset adopt",
		"site key create example.com")
}

// Every command about syncs survives an outage of the store and of Temporal.
func TestOutagesOfSyncs(t *testing.T) {
	t.Parallel()
	_, s, fakes := syncShell(t)
	fakes.fillList(0, 3)
	o := s.throughOutages(t)
	create := "sync create news --from mailchimp:mc --list 1a2d7ebf82 --to ometria:om"
	o.once = true
	o.meetStore(t, create)
	o.meetTemporal(t, strings.Replace(create, "news", "more", 1))
	o.once = false
	o.meetStore(t, "sync list", "sync list -o json", "sync show news", "sync rejects news", "sync history news",
		"sync pause news", "sync set news every=3h", "sync set news every=4h -o json", "sync resume news", "sync run news",
		"connection resume mc", "connection test mc --local", "sync rejects news -o csv")
	o.meetTemporal(t, "sync pause more", "sync resume more", "sync run more",
		"connection resume mc", "connection test mc")
	s.meetFullDisk(t, "sync list", "sync list --limit 1", "sync show news", "sync history news", "sync rejects news",
		"sync rejects news -o csv")
	o.meetStore(t, "sync delete news")
	o.meetTemporal(t, "sync delete more")
	require.Equal(t, "No syncs found. Create one with `sluice sync create`.\n", s.ok(t, "sync", "list"))
}
