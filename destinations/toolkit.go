package destinations

import (
	"log/slog"

	"github.com/sluicehq/sluice/connections"
)

// Toolkit is what destinations get to work with.
type Toolkit struct {
	// Logger takes what is worth an operator's attention. It holds the names of the
	// destination and the action.
	Logger *slog.Logger
	// Connections opens connections by name. A connection is opened where it is used, in
	// Load: its secrets go into no job, error or log.
	Connections connections.Opener
	// Service is the process that calls: ServiceGateway in Marshal, ServiceScheduler in Load
	// and in the Marshal of jobs that follow from others. Nil if the process has no name.
	Service *Service
	// EventID is the event that Marshal is about, "" elsewhere.
	EventID string
	// JobID is the ID that the job which Marshal makes is going to have, "" elsewhere.
	JobID string
	// ParentJobID is the job that Marshal's follows from, "" if it follows from none.
	ParentJobID string
}

// withDefaults returns a toolkit in which nothing is missing.
func (tk *Toolkit) withDefaults() *Toolkit {
	full := Toolkit{}
	if tk != nil {
		full = *tk
	}
	if full.Logger == nil {
		full.Logger = slog.New(slog.DiscardHandler)
	}
	if full.Connections == nil {
		full.Connections = connections.None{}
	}
	return &full
}
