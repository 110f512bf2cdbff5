package access

import (
	"cmp"
	"context"
)

// Door is how a change has come in.
type Door string

// Doors.
const (
	// DoorAPI is the REST API.
	DoorAPI Door = "api"
	// DoorPage is a page of the server in a browser.
	DoorPage Door = "page"
	// DoorCLI is the command line.
	DoorCLI Door = "cli"
	// DoorTemporal is a signal or an update that was sent to a workflow directly, and Sluice's own workflows.
	DoorTemporal Door = "temporal"
)

// Doors returns all doors.
func Doors() []Door { return []Door{DoorAPI, DoorPage, DoorCLI, DoorTemporal} }

// Actor is who makes a change and how, for the audit.
type Actor struct {
	// Name of the token, the account or the operating-system user.
	Name string
	Kind Kind
	Door Door
	// Address of the client, an IP address without a port; empty where there is none.
	Address string
	// RequestID is the ID of the HTTP request; empty where there is none.
	RequestID string
}

type actorKey struct{}

// WithActor returns a context with the actor of the changes that are made in it.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// Acting tells whether a person or a service acts in the context, and not Sluice itself.
func Acting(ctx context.Context) bool {
	_, actor := ctx.Value(actorKey{}).(Actor)
	_, principal := From(ctx)
	return actor || principal
}

// ActorFrom returns the context's actor. Its name and kind are those of the context's principal where the actor has
// none. Without both it is Sluice itself, at the door of Temporal.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor) //nolint:errcheck // the zero actor without one
	if p, ok := From(ctx); ok && a.Name == "" {
		a.Name, a.Kind = p.Name, p.Kind
	}
	a.Kind = cmp.Or(a.Kind, KindSystem)
	a.Name = cmp.Or(a.Name, "sluice")
	a.Door = cmp.Or(a.Door, DoorTemporal)
	return a
}
