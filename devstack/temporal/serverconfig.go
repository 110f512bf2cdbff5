package temporal

import (
	"net"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	clusterName     = "active"
	mainStore       = "main"
	visibilityStore = "visibility"
)

// endpoints are the ports of one server. Only the frontend's are the user's
// choice.
type endpoints struct {
	frontend, http, history, matching, worker int
}

// serverConfig is what a cluster would have in a file.
func (c Config) serverConfig(at endpoints, dbs databases) *config.Config {
	frontend := net.JoinHostPort(c.dialIP(), strconv.Itoa(at.frontend))
	cfg := &config.Config{
		Global: config.Global{
			Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: DefaultIP},
		},
		Persistence: config.Persistence{
			DefaultStore:     mainStore,
			VisibilityStore:  visibilityStore,
			NumHistoryShards: int32(c.HistoryShards),
			DataStores: map[string]config.DataStore{
				mainStore:       {SQL: dbs.main},
				visibilityStore: {SQL: dbs.visibility},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {
					Enabled:                true,
					InitialFailoverVersion: 1,
					RPCAddress:             frontend,
					HTTPAddress:            net.JoinHostPort(c.dialIP(), strconv.Itoa(at.http)),
				},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): {RPC: config.RPC{GRPCPort: at.frontend, HTTPPort: at.http, BindOnIP: c.IP}},
			string(primitives.HistoryService):  {RPC: config.RPC{GRPCPort: at.history, BindOnIP: DefaultIP}},
			string(primitives.MatchingService): {RPC: config.RPC{GRPCPort: at.matching, BindOnIP: DefaultIP}},
			string(primitives.WorkerService):   {RPC: config.RPC{GRPCPort: at.worker, BindOnIP: DefaultIP}},
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		// Without it the worker service panics at start.
		PublicClient: config.PublicClient{HostPort: frontend},
	}
	if c.MetricsPort != 0 {
		cfg.Global.Metrics = &metrics.Config{Prometheus: &metrics.PrometheusConfig{
			ListenAddress: net.JoinHostPort(c.IP, strconv.Itoa(c.MetricsPort)),
			HandlerPath:   "/metrics",
		}}
	}
	return cfg
}

// staticHosts replaces the membership protocol. Besides being faster it avoids
// a restart's "not enough hosts": the protocol remembers the dead process's
// ports in the database.
func (at endpoints) staticHosts() temporal.ServerOption {
	host := func(port int) static.Hosts {
		return static.SingleLocalHost(net.JoinHostPort(DefaultIP, strconv.Itoa(port)))
	}
	return temporal.WithStaticHosts(map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: host(at.frontend),
		primitives.HistoryService:  host(at.history),
		primitives.MatchingService: host(at.matching),
		primitives.WorkerService:   host(at.worker),
	})
}

// dialIP is the address at which we reach our own frontend.
func (c Config) dialIP() string {
	if ip := net.ParseIP(c.IP); ip == nil || ip.IsUnspecified() {
		return DefaultIP
	}
	return c.IP
}
