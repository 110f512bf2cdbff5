package stack

import (
	"cmp"
	"maps"
	"os"
	"slices"

	"github.com/sluicehq/sluice/config"
)

// Names of the variables in which programs find a stack.
const (
	// EnvStoreDSN is PostgreSQL's connection string.
	EnvStoreDSN = "SLUICE_STORE_DSN"
	// EnvWarehouseDSN is ClickHouse's connection string.
	EnvWarehouseDSN = "SLUICE_WAREHOUSE_DSN"
	// EnvWarehouseNativeDSN is the connection string of ClickHouse's native
	// protocol. It is not set where the stack leaves that out.
	EnvWarehouseNativeDSN = "SLUICE_WAREHOUSE_NATIVE_DSN"
	// EnvTemporalAddress is host:port of the Temporal frontend.
	EnvTemporalAddress = "TEMPORAL_ADDRESS"
	// EnvTemporalNamespace is the namespace to use.
	EnvTemporalNamespace = "TEMPORAL_NAMESPACE"
	// EnvTemporalUI is the URL of the Temporal Web UI.
	EnvTemporalUI = "SLUICE_TEMPORAL_UI"
	// EnvWorkerAddress is where the worker serves health and metrics.
	EnvWorkerAddress = "SLUICE_WORKER_LISTEN"
	// EnvKeyset is the key set of connections; the stack leaves it empty, so that one of
	// the caller's is not used beside EnvKeysetFile.
	EnvKeyset = "SLUICE_CONNECTIONS_KEYSET"
	// EnvKeysetFile is the file with the key set of connections.
	EnvKeysetFile = "SLUICE_CONNECTIONS_KEYSET_FILE"
	// EnvAddresses says which addresses connections may dial.
	EnvAddresses = "SLUICE_CONNECTIONS_ADDRESSES"
	// EnvCSVRoots are the folders below which CSV files may be imported.
	EnvCSVRoots = "SLUICE_CSV_ROOTS"
	// EnvBinary is the sluice-dev program itself, for tests that start servers
	// of their own.
	EnvBinary = "SLUICE_DEV_BIN"
)

// localAddresses lets connections lead to fakes and endpoints on a developer's machine, which
// the default does not.
const localAddresses = "google_analytics_4=public+loopback, mailchimp=public+loopback, " +
	"ometria=public+loopback, webhook=public+loopback"

// given returns a variable that the caller has set, or else a value for it.
func (s *Stack) given(name, value string) string {
	return cmp.Or(s.cfg.EngineEnv[name], os.Getenv(name), value)
}

// Env returns the variables in which a program finds this stack.
func (s *Stack) Env() map[string]string {
	a := s.cfg.Addresses
	env := map[string]string{
		EnvStoreDSN:          storeDSN(a.Store),
		EnvWarehouseDSN:      "http://default@" + a.Warehouse + "/sluice",
		EnvTemporalAddress:   a.Temporal,
		EnvTemporalNamespace: config.DefaultNamespace,
		EnvTemporalUI:        "http://" + a.TemporalUI,
		EnvWorkerAddress:     a.Worker,
		EnvKeyset:            "",
		EnvKeysetFile:        s.keysetFile(),
		EnvAddresses:         s.given(EnvAddresses, localAddresses),
		EnvCSVRoots:          s.given(EnvCSVRoots, "/"),
		EnvBinary:            s.cfg.Binary,
	}
	if s.cfg.StoreDSN != "" {
		env[EnvStoreDSN] = s.cfg.StoreDSN
	}
	if s.cfg.WarehouseDSN != "" {
		env[EnvWarehouseDSN] = s.cfg.WarehouseDSN
		return env
	}
	if a.WarehouseNative != "" {
		env[EnvWarehouseNativeDSN] = "clickhouse://default@" + a.WarehouseNative + "/sluice"
	}
	return env
}

func storeDSN(address string) string {
	return "postgres://sluice@" + address + "/sluice?sslmode=disable"
}

// WithEnv returns environ with the variables of extra set, in a stable order.
func WithEnv(environ []string, extra map[string]string) []string {
	out := slices.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		out = append(out, name+"="+extra[name]) // the last one wins
	}
	return out
}
