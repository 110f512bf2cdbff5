package stack

// Component names one process of the stack.
type Component string

// The components, in the order in which they are started. They are stopped in
// the reverse order.
const (
	ComponentPostgres   Component = "postgres"
	ComponentClickHouse Component = "clickhouse"
	ComponentTemporal   Component = "temporal"
	// ComponentWorker runs only where [Config.Worker] is set.
	ComponentWorker Component = "worker"
)

// Engines returns the components that every stack has.
func Engines() []Component {
	return []Component{ComponentPostgres, ComponentClickHouse, ComponentTemporal}
}
