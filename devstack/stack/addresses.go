package stack

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/loopback"
	"github.com/sluicehq/sluice/devstack/ports"
)

// Addresses are where the components listen, each host:port.
type Addresses struct {
	// Store is PostgreSQL's.
	Store string
	// Warehouse is ClickHouse's HTTP interface.
	Warehouse string
	// WarehouseNative is ClickHouse's native protocol. Empty leaves it out.
	WarehouseNative string
	// Temporal is the gRPC frontend.
	Temporal string
	// TemporalUI is the Web UI. Empty leaves the UI out.
	TemporalUI string
	// Worker serves the worker's health and metrics. Unused without a worker.
	Worker string
	// EventLog is NATS', Server takes events, ServerHealth serves the server's health and metrics.
	// Unused without a server.
	EventLog, Server, ServerHealth string
}

// DefaultAddresses are those that `sluice` uses by default too.
func DefaultAddresses() Addresses {
	return Addresses{
		Store:           config.DefaultStoreAddress,
		Warehouse:       config.DefaultWarehouseAddress,
		WarehouseNative: config.DefaultWarehouseNativeAddress,
		Temporal:        config.DefaultTemporalAddress,
		TemporalUI:      config.DefaultTemporalUIAddress,
		Worker:          config.DefaultWorkerAddress,
		EventLog:        config.DefaultEventLogAddress,
		Server:          config.DefaultServerAddress,
		ServerHealth:    config.DefaultServerHealthAddress,
	}
}

// FreeAddresses are loopback addresses with ports that are free right now. They
// may be taken a moment later; see [Stack.Start].
func FreeAddresses() (Addresses, error) {
	const host = "127.0.0.1"
	free, err := ports.Free(host, 9)
	if err != nil {
		return Addresses{}, err
	}
	at := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(free[i])) }
	return Addresses{
		Store: at(0), Warehouse: at(1), WarehouseNative: at(2),
		Temporal: at(3), TemporalUI: at(4), Worker: at(5), EventLog: at(6), Server: at(7), ServerHealth: at(8),
	}, nil
}

// endpoint is one address with what a user must know about it.
type endpoint struct {
	name, address, flag string
	component           Component
}

func (a Addresses) endpoints(worker, server bool) []endpoint {
	all := []endpoint{
		{"PostgreSQL", a.Store, "--postgres-address", ComponentPostgres},
		{"ClickHouse", a.Warehouse, "--clickhouse-address", ComponentClickHouse},
		{"Temporal", a.Temporal, "--temporal-address", ComponentTemporal},
	}
	if a.WarehouseNative != "" {
		all = append(all, endpoint{
			"ClickHouse native", a.WarehouseNative, "--clickhouse-native-address", ComponentClickHouse,
		})
	}
	if a.TemporalUI != "" {
		all = append(all, endpoint{"Temporal Web UI", a.TemporalUI, "--temporal-ui-address", ComponentTemporal})
	}
	if worker {
		all = append(all, endpoint{"worker", a.Worker, "--worker-address", ComponentWorker})
	}
	if server {
		all = append(all,
			endpoint{"event log", a.EventLog, "--eventlog-address", ComponentEventLog},
			endpoint{"server", a.Server, "--server-address", ComponentServer},
			endpoint{"server's health", a.ServerHealth, "--server-health-address", ComponentServer})
	}
	return all
}

// validate reports every malformed or doubly used address.
func validate(endpoints []endpoint) error {
	var errs []error
	users := make(map[string]string)
	for _, e := range endpoints {
		host, port, err := net.SplitHostPort(e.address)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s address %q: want host:port", e.name, e.address))
			continue
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || host == "" {
			errs = append(errs, fmt.Errorf("%s address %q: want a host and a port from 1 to 65535", e.name, e.address))
		}
		if e.component != ComponentWorker && e.component != ComponentServer && host != "" {
			if err := loopback.CheckAddress(e.address); err != nil {
				errs = append(errs, fmt.Errorf("%s %w", e.name, err))
			}
		}
		if other, ok := users[e.address]; ok {
			errs = append(errs, fmt.Errorf("%s and %s have the same address %s", other, e.name, e.address))
		}
		users[e.address] = e.name
	}
	return errors.Join(errs...)
}
