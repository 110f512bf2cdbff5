package stack

// Component names one process of the stack.
type Component string

// The components, in the order in which they are started. They are stopped in
// the reverse order.
const (
	ComponentPostgres   Component = "postgres"
	ComponentClickHouse Component = "clickhouse"
	ComponentTemporal   Component = "temporal"
	// ComponentEventLog runs only where [Config.Server] is set.
	ComponentEventLog Component = "eventlog"
	// ComponentWorker runs only where [Config.Worker] is set.
	ComponentWorker Component = "worker"
	// ComponentServer runs only where [Config.Server] is set.
	ComponentServer Component = "server"
)

// Engines returns the components that every stack has.
func Engines() []Component {
	return []Component{ComponentPostgres, ComponentClickHouse, ComponentTemporal}
}
