package activities

import (
	"context"

	"github.com/sluicehq/sluice/connections"
)

// ConnectionRef names a connection.
type ConnectionRef struct {
	Connection string `json:"connection"`
}

// ConnectionTested says how the test of a connection went. It stands in histories: no
// secret is in it.
type ConnectionTested struct {
	// Lines say what has been proven, for people.
	Lines []string `json:"lines,omitempty"`
	// Error says what is wrong; "" if nothing is.
	Error string `json:"error,omitempty"`
}

// Connections has the activities about connections.
type Connections struct {
	// Service opens and tests them. Required.
	Service *connections.Connections
}

// Test lets a connection's kind prove that it works. What is wrong with the connection
// is a result, not an error of the activity: nothing is to be tried again.
func (c *Connections) Test(ctx context.Context, ref ConnectionRef) (ConnectionTested, error) {
	report, err := c.Service.Test(ctx, ref.Connection)
	tested := ConnectionTested{Lines: report.Lines}
	if err != nil {
		tested.Error = Plain(err.Error())
	}
	return tested, nil
}
