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
	// EnvRefdataFolder is the folder of reference data.
	EnvRefdataFolder = "SLUICE_REFDATA_FOLDER"
	// EnvEventLogURL is the URL of the event log, empty in a stack without one.
	EnvEventLogURL = "SLUICE_EVENTLOG_URL"
	// EnvEventLogToken is its token; the stack leaves it empty, so that one of the caller's is not used
	// beside EnvEventLogTokenFile, a file with the token. EnvEventLogCredentials is empty too.
	EnvEventLogToken       = "SLUICE_EVENTLOG_TOKEN"       //nolint:gosec // the name of a variable
	EnvEventLogTokenFile   = "SLUICE_EVENTLOG_TOKEN_FILE"  //nolint:gosec // the name of a variable
	EnvEventLogCredentials = "SLUICE_EVENTLOG_CREDENTIALS" //nolint:gosec // the name of a variable
	// EnvServerAddress is where the server takes events, EnvServerHealthAddress where it serves health and
	// metrics.
	EnvServerAddress       = "SLUICE_SERVER_LISTEN"
	EnvServerHealthAddress = "SLUICE_SERVER_HEALTH_LISTEN"
	// EnvServerStopDelay is 0: there is no load balancer.
	EnvServerStopDelay = "SLUICE_SERVER_STOP_DELAY"
	// EnvServerTemporalUI is the address of the Temporal Web UI for links.
	EnvServerTemporalUI = "SLUICE_SERVER_TEMPORAL_UI"
	// EnvServerSignIn signs in people on this machine. EnvUploads is the folder of uploads, which the worker reads.
	EnvServerSignIn = "SLUICE_SERVER_LOCAL_SIGN_IN"
	EnvUploads      = "SLUICE_SERVER_UPLOAD_DIR"
	// EnvTrustedProxies are the networks whose headers decide the address of a visitor.
	EnvTrustedProxies = "SLUICE_SERVER_TRUSTED_PROXIES"
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
		EnvRefdataFolder:     s.given(EnvRefdataFolder, s.refdataFolder()),
		EnvBinary:            s.cfg.Binary,
		// The log of another stack belongs to another store.
		EnvEventLogURL: "", EnvEventLogToken: "", EnvEventLogTokenFile: "", EnvEventLogCredentials: "",
	}
	if s.cfg.Server != nil {
		env[EnvEventLogURL], env[EnvEventLogTokenFile] = "nats://"+a.EventLog, s.eventLogTokenFile()
		env[EnvServerAddress], env[EnvServerHealthAddress] = a.Server, a.ServerHealth
		env[EnvServerStopDelay] = "0s"
		if a.TemporalUI != "" {
			env[EnvServerTemporalUI] = "http://" + a.TemporalUI
		}
		env[EnvServerSignIn] = s.given(EnvServerSignIn, "true")
		env[EnvUploads] = s.given(EnvUploads, s.dir("uploads"))
		// Visitors are imitated on this machine.
		env[EnvTrustedProxies] = s.given(EnvTrustedProxies, "127.0.0.0/8,::1")
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

// commandEnv are the variables by which the commands of sluice find a stack.
var commandEnv = []string{
	EnvStoreDSN, EnvWarehouseDSN, EnvWarehouseNativeDSN, EnvTemporalAddress, EnvKeysetFile, EnvEventLogURL,
	EnvEventLogTokenFile, EnvRefdataFolder,
}

// Exports returns the variables that a command of sluice in another terminal needs, as NAME and value, because the
// stack is not where commands look by default. Connection strings of the caller's own servers are not among them: they
// may hold a password.
func (s *Stack) Exports() ([][2]string, error) {
	dir, err := config.EmbeddedData()
	if err != nil {
		return nil, err
	}
	usual := &Stack{cfg: s.cfg}
	usual.cfg.DataDir, usual.cfg.Addresses = dir, DefaultAddresses()
	env, defaults := s.Env(), usual.Env()
	var exports [][2]string
	for _, name := range commandEnv {
		own := name == EnvStoreDSN && s.cfg.StoreDSN != "" || name == EnvWarehouseDSN && s.cfg.WarehouseDSN != ""
		if value := env[name]; value != "" && value != defaults[name] && !own {
			exports = append(exports, [2]string{name, value})
		}
	}
	return exports, nil
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
