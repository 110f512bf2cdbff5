package config

// Addresses of the embedded stack (`sluice-dev up`). They are also the defaults of
// `sluice`, so that a second terminal needs no flags. All addresses are loopback. The
// ports differ from the standard ones of servers that a developer's machine is likely
// to run (PostgreSQL on 5432, ClickHouse on 8123 and 9000).
const (
	// DefaultTemporalAddress is the gRPC address of the Temporal frontend.
	DefaultTemporalAddress = "127.0.0.1:7233"
	// DefaultTemporalUIAddress is the address of the Temporal Web UI.
	DefaultTemporalUIAddress = "127.0.0.1:8233"
	// DefaultStoreAddress is PostgreSQL's address.
	DefaultStoreAddress = "127.0.0.1:15432"
	// DefaultWarehouseAddress is the address of ClickHouse's HTTP interface.
	DefaultWarehouseAddress = "127.0.0.1:18123"
	// DefaultWarehouseNativeAddress is the address of ClickHouse's native
	// protocol.
	DefaultWarehouseNativeAddress = "127.0.0.1:19000"
	// DefaultWorkerAddress serves the worker's health, readiness and metrics.
	DefaultWorkerAddress = "127.0.0.1:9464"
	// DefaultServerAddress takes events.
	DefaultServerAddress = "127.0.0.1:18000"
	// DefaultServerHealthAddress serves the server's health, readiness and metrics.
	DefaultServerHealthAddress = "127.0.0.1:9465"
	// DefaultEventLogAddress is the address of the event log.
	DefaultEventLogAddress = "127.0.0.1:14222"
	// DefaultFakeGA4Address is the address of `sluice-dev fake ga4`.
	DefaultFakeGA4Address = "127.0.0.1:18899"
	// DefaultFakeMailchimpAddress is the address of `sluice-dev fake mailchimp`.
	DefaultFakeMailchimpAddress = "127.0.0.1:18897"
	// DefaultFakeOmetriaAddress is the address of `sluice-dev fake ometria`.
	DefaultFakeOmetriaAddress = "127.0.0.1:18898"

	// DefaultStoreDSN connects to the embedded PostgreSQL, which trusts
	// loopback connections and therefore has no password.
	DefaultStoreDSN = "postgres://sluice@" + DefaultStoreAddress + "/sluice?sslmode=disable"
	// DefaultWarehouseDSN connects to the embedded ClickHouse engine.
	DefaultWarehouseDSN = "http://default@" + DefaultWarehouseAddress + "/sluice"
	// DefaultNamespace is the Temporal namespace.
	DefaultNamespace = "default"
)
