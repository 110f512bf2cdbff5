// Package connecting has the operations on connections, the settings and secrets of external systems, for the command
// line and the API. Errors of requests that are wrong in themselves are starter.ErrInvalid or connections.ErrInvalid.
package connecting

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/textsearch"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// Connections lists, changes and tests connections, which belong to no site. It is safe for concurrent use. What needs
// neither Temporal nor the secrets of the ingestion are the methods of the service.
type Connections struct {
	// Connections is the service that has the connections. Required.
	*connections.Connections
	// Deliveries returns the client that notifies the workflows of destinations. Required for Resume.
	Deliveries func(ctx context.Context) (*deliveryclient.Client, error)
	// Starter returns the client that tests connections on workers. Required for Test.
	Starter func(ctx context.Context) (*starter.Starter, error)
}

// Filter selects connections. The zero value selects all.
type Filter struct {
	// Kind is the name of their kind.
	Kind string
	// State is that of their health, one of the constants of package store/delivery that begin with Connection.
	State string
	// Text is in the name, in upper or lower case.
	Text string
}

// List returns the connections that a filter selects by name, without the values of their secrets.
func (c Connections) List(ctx context.Context, f Filter) ([]connections.Info, error) {
	all, err := c.Connections.List(ctx)
	return slices.DeleteFunc(all, func(i connections.Info) bool {
		return f.Kind != "" && f.Kind != i.Kind || f.State != "" && f.State != i.Health.State ||
			!textsearch.In(f.Text, i.Name)
	}), err
}

// Put replaces a connection, whatever its version, or adds it. The errors are those of Add and Replace.
func (c Connections) Put(ctx context.Context, n connections.New) (info connections.Info, replaced bool, err error) {
	before, err := c.Show(ctx, n.Name)
	if errors.Is(err, connections.ErrNotFound) {
		info, err = c.Add(ctx, n)
		return info, false, err
	}
	if err != nil {
		return connections.Info{}, false, err
	}
	info, err = c.Replace(ctx, n, before.Version)
	return info, true, err
}

// Pause opens the circuit of a connection: its jobs wait until Resume. The error is connections.ErrNotFound.
func (c Connections) Pause(ctx context.Context, name string, by starter.By) error {
	return c.Connections.Pause(ctx, name, deliverystore.Order{By: by.Who, Reason: by.Why})
}

// Resume closes the circuit of a connection, makes its jobs due and notifies the workflows of destinations. The error
// is connections.ErrNotFound. If only the notification fails, the connection is resumed nevertheless.
func (c Connections) Resume(ctx context.Context, name string) error {
	if err := c.Connections.Resume(ctx, name); err != nil {
		return err
	}
	client, err := c.Deliveries(ctx)
	if err == nil {
		err = client.Refresh(ctx)
	}
	if err != nil {
		return fmt.Errorf("resumed connection %s, but failed to notify the workflows of destinations: %w", name, err)
	}
	return nil
}

// RotateAll is Rotate for all connections and for the secrets of the ingestion. It returns the number of changed
// connections, and continues after an error.
func (c Connections) RotateAll(ctx context.Context) (changed int, err error) {
	changed, err = c.Connections.RotateAll(ctx)
	_, resealErr := c.ingestSecrets().Reseal(ctx)
	return changed, errors.Join(err, resealErr)
}

// ingestSecrets returns the secrets of the ingestion, which the key set of connections seals too.
func (c Connections) ingestSecrets() *ingesting.Secrets {
	return ingesting.NewSecrets(ingeststore.New(c.Store.Store), c.Connections)
}

// Adopted is the result of AdoptKeyset.
type Adopted struct {
	// Closed are the connections that the key set cannot open, Replaced the secrets of the ingestion that were replaced.
	Closed, Replaced []string
}

// AdoptKeyset registers the key set of this process with the store, after the loss of the previous one.
func (c Connections) AdoptKeyset(ctx context.Context) (a Adopted, err error) {
	if a.Closed, err = c.Connections.AdoptKeyset(ctx); err != nil {
		return a, err
	}
	a.Replaced, err = c.ingestSecrets().Adopt(ctx)
	return a, err
}

// Tested is the result of a test: the JSON of the command line and of the API. Fields are only ever added.
type Tested struct {
	Connection string `json:"connection"`
	OK         bool   `json:"ok"`
	// Lines say what has been proven, for people.
	Lines []string `json:"lines"`
	// Error says what is wrong with the connection.
	Error string `json:"error,omitempty"`
}

// Test tests a connection on a worker. What is wrong with the connection is in the result; the errors are
// connections.ErrNotFound, and starter.ErrNoAnswer if no worker with its kind answers in time.
func (c Connections) Test(ctx context.Context, name string) (Tested, error) {
	// An unknown name is reported without waiting for a worker.
	info, err := c.Show(ctx, name)
	if err != nil {
		return Tested{}, err
	}
	client, err := c.Starter(ctx)
	if err != nil {
		return Tested{}, err
	}
	result, err := client.TestConnection(ctx, name, info.Kind)
	if err != nil {
		return Tested{}, err
	}
	return tested(name, result), nil
}

// TestHere tests a connection in this process. The errors are connections.ErrNotFound, that of ctx and those of the
// store: its outage says nothing about the connection.
func (c Connections) TestHere(ctx context.Context, name string) (Tested, error) {
	if _, err := c.Show(ctx, name); err != nil {
		return Tested{}, err
	}
	report, err := c.Connections.Test(ctx, name)
	if err != nil && (ctx.Err() != nil || !aboutConnection(err)) {
		return Tested{}, err
	}
	result := activities.ConnectionTested{Lines: report.Lines}
	if err != nil {
		result.Error = err.Error()
	}
	return tested(name, result), nil
}

// aboutConnection reports whether the test of a connection has failed for the connection or its secrets.
func aboutConnection(err error) bool {
	for _, about := range []error{
		connections.ErrTest, connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken,
	} {
		if errors.Is(err, about) {
			return true
		}
	}
	return false
}

func tested(name string, result activities.ConnectionTested) Tested {
	return Tested{
		Connection: name, OK: result.Error == "", Lines: append([]string{}, result.Lines...), Error: result.Error,
	}
}
