package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/connections"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
)

// tagConnections is the resource of connections in the document.
const tagConnections = "connections"

// connections adds the operations of connections.
func (a *API) connections() {
	add := func(o operation) operation {
		o.tag, o.reach = tagConnections, reachAll
		return o
	}
	register(a, add(operation{
		id: "list-connections", method: http.MethodGet, path: "/connections",
		summary: "List connections by name", need: access.PermissionRead,
	}), a.listConnections)
	register(a, add(operation{
		id: "add-connection", method: http.MethodPost, path: "/connections", status: http.StatusCreated,
		summary: "Add a connection", need: access.PermissionAdminister,
		description: "Secrets are encrypted with the key set of the server, and are never returned.",
		noKey:       true,
		problems:    []problemType{problemTaken, problemKeyset},
	}), a.addConnection)
	register(a, add(operation{
		id: "show-connection", method: http.MethodGet, path: "/connections/{connection}",
		summary: "Show a connection without the values of its secrets", need: access.PermissionRead,
	}), a.showConnection)
	register(a, add(operation{
		id: "replace-connection", method: http.MethodPut, path: "/connections/{connection}",
		summary: "Replace all settings and secrets of a connection", need: access.PermissionAdminister,
		description: "Settings that are left out are removed, and secrets unless `keep_secrets` is true.",
		problems:    []problemType{problemConflict, problemKeyset, problemPrecondition, problemNeedsMatch},
	}), a.replaceConnection)
	register(a, add(operation{
		id: "set-connection-secrets", method: http.MethodPatch, path: "/connections/{connection}/secrets",
		summary: "Replace secrets of a connection", need: access.PermissionAdminister,
		description: "Its settings stay, and the secrets that are left out. Running workflows use the new ones from their " +
			"next call on.",
		problems: []problemType{problemConflict, problemKeyset},
	}), a.setConnectionSecrets)
	register(a, add(operation{
		id: "remove-connection", method: http.MethodDelete, path: "/connections/{connection}",
		summary: "Remove a connection", need: access.PermissionAdminister, problems: []problemType{problemInUse},
	}), a.removeConnection)
	register(a, add(operation{
		id: "test-connection", method: http.MethodPost, path: "/connections/{connection}/test",
		summary: "Test a connection on a worker", need: access.PermissionOperate, reads: true,
		description: "What is wrong with the connection is in the answer, with `ok` false.",
		problems:    []problemType{problemNoWorker},
	}), a.testConnection)
	register(a, add(operation{
		id: "pause-connection", method: http.MethodPost, path: "/connections/{connection}/pause",
		summary: "Pause a connection: its circuit opens, its jobs wait", need: access.PermissionOperate,
	}), a.pauseConnection)
	register(a, add(operation{
		id: "resume-connection", method: http.MethodPost, path: "/connections/{connection}/resume",
		summary: "Resume a connection: its circuit closes, its jobs are retried now", need: access.PermissionOperate,
	}), a.resumeConnection)
	register(a, add(operation{
		id: "list-connection-kinds", method: http.MethodGet, path: "/connection-kinds",
		summary: "List the kinds of connections with their settings and secrets", need: access.PermissionRead,
	}), a.listConnectionKinds)
	register(a, add(operation{
		id: "rotate-connection", method: http.MethodPost, path: "/connections/{connection}/rotate",
		summary: "Encrypt the secrets of a connection with the primary key of the key set", need: access.PermissionAdminister,
		problems: []problemType{problemConflict, problemKeyset},
	}), a.rotateConnection)
}

// ConnectionPath is the input of an operation on a connection.
type ConnectionPath struct {
	Connection string `path:"connection" maxLength:"63" doc:"Name of the connection."`
}

type listConnectionsInput struct {
	Page
	Kind  string `query:"kind" maxLength:"100" doc:"Only connections of this kind."`
	State string `query:"state" enum:"healthy,failing,open,half-open,paused" doc:"Only connections whose health is in this state."`
	Text  string `query:"text" maxLength:"100" doc:"Only connections with this text in their name."`
}

func (a *API) listConnections(ctx context.Context, in *listConnectionsInput) (*List[connections.Info], error) {
	all, err := a.connectionClient().List(ctx, connectclient.Filter{Kind: in.Kind, State: in.State, Text: in.Text})
	if err != nil {
		return nil, err
	}
	return namedPage(ctx, in.Page, all, func(i connections.Info) string { return i.Name })
}

// ConnectionSettings are the settings and secrets of a connection.
type ConnectionSettings struct {
	Kind     string                     `json:"kind" minLength:"1" maxLength:"100" example:"webhook" doc:"Kind of the connection."`
	Settings map[string]json.RawMessage `json:"settings,omitempty" maxProperties:"100" doc:"Settings of the kind."`
	Secrets  map[string]string          `json:"secrets,omitempty" maxProperties:"20" writeOnly:"true" doc:"Secrets of the kind by name. They are never returned."`
}

// connection returns a connection to package connections.
func (s ConnectionSettings) connection(name string) (connections.New, error) {
	n := connections.New{Name: name, Kind: s.Kind, Secrets: s.Secrets}
	if s.Settings == nil {
		return n, nil
	}
	settings, err := json.Marshal(s.Settings)
	if err != nil {
		return n, fmt.Errorf("encode the settings: %w", err)
	}
	n.Settings = settings
	return n, nil
}

// ConnectionRequest is the body of add-connection.
type ConnectionRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"63" doc:"Name of the connection: lower-case letters, digits, dashes and underscores."`
	ConnectionSettings
}

// versionTag is the entity tag of a state with a version.
func versionTag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// segment returns a text as a segment of a path.
func segment(text string) string { return url.PathEscape(text) }

func (a *API) addConnection(
	ctx context.Context, in *input[ConnectionRequest],
) (*createdTagged[connections.Info], error) {
	n, err := in.Body.connection(in.Body.Name)
	if err != nil {
		return nil, err
	}
	_, err = a.connectionClient().Add(ctx, n)
	out, err := a.connectionAfter(ctx, n.Name, err)
	if err != nil {
		return nil, err
	}
	return &createdTagged[connections.Info]{pathOf("/connections/%s", segment(n.Name)), out.ETag, out.Body}, nil
}

func (a *API) showConnection(ctx context.Context, in *ConnectionPath) (*tagged[connections.Info], error) {
	return a.connectionAfter(ctx, in.Connection, nil)
}

// connectionAfter returns a connection after a command, or the error of the command.
func (a *API) connectionAfter(ctx context.Context, name string, err error) (*tagged[connections.Info], error) {
	if err != nil {
		return nil, err
	}
	info, err := a.connectionClient().Show(ctx, name)
	return answerTagged(info, versionTag(info.Version), err)
}

// ConnectionReplacement is the body of replace-connection.
type ConnectionReplacement struct {
	ConnectionSettings
	KeepSecrets bool `json:"keep_secrets,omitempty" doc:"Keep the secrets that are left out."`
}

type replaceConnectionInput struct {
	ConnectionPath
	IfMatch
	Body ConnectionReplacement
}

func (a *API) replaceConnection(ctx context.Context, in *replaceConnectionInput) (*tagged[connections.Info], error) {
	before, err := a.connectionClient().Show(ctx, in.Connection)
	if err != nil {
		return nil, err
	}
	if err := in.matches(versionTag(before.Version), nil); err != nil {
		return nil, err
	}
	n, err := in.Body.connection(in.Connection)
	if err != nil {
		return nil, err
	}
	n.KeepSecrets = in.Body.KeepSecrets
	// A change in between is a conflict.
	_, err = a.connectionClient().Replace(ctx, n, before.Version)
	return a.connectionAfter(ctx, in.Connection, err)
}

// ConnectionSecrets is the body of set-connection-secrets.
type ConnectionSecrets struct {
	Secrets map[string]string `json:"secrets" minProperties:"1" maxProperties:"20" writeOnly:"true" doc:"New secrets by name. They are never returned."`
}

type setConnectionSecretsInput struct {
	ConnectionPath
	Body ConnectionSecrets
}

func (a *API) setConnectionSecrets(
	ctx context.Context, in *setConnectionSecretsInput,
) (*tagged[connections.Info], error) {
	_, err := a.connectionClient().SetSecrets(ctx, in.Connection, in.Body.Secrets)
	return a.connectionAfter(ctx, in.Connection, err)
}

type removeConnectionInput struct {
	ConnectionPath
	Force bool `query:"force" doc:"Remove it even if a running import, a job or a flow uses it."`
}

func (a *API) removeConnection(ctx context.Context, in *removeConnectionInput) (*struct{}, error) {
	return nil, a.connectionClient().Remove(ctx, in.Connection, in.Force)
}

func (a *API) testConnection(ctx context.Context, in *ConnectionPath) (*output[connectclient.Tested], error) {
	return answer(a.connectionClient().Test(ctx, in.Connection))
}

type connectionCommandInput struct {
	ConnectionPath
	Body *Reason
}

func (a *API) pauseConnection(ctx context.Context, in *connectionCommandInput) (*tagged[connections.Info], error) {
	return a.connectionAfter(ctx, in.Connection,
		a.connectionClient().Pause(ctx, in.Connection, by(ctx, reasonOf(in.Body))))
}

func (a *API) resumeConnection(ctx context.Context, in *ConnectionPath) (*tagged[connections.Info], error) {
	return a.connectionAfter(ctx, in.Connection, a.connectionClient().Resume(ctx, in.Connection))
}

func (a *API) rotateConnection(ctx context.Context, in *ConnectionPath) (*tagged[connections.Info], error) {
	_, err := a.connectionClient().Rotate(ctx, in.Connection)
	return a.connectionAfter(ctx, in.Connection, err)
}

// reasonOf returns the reason of a command, which is optional like its body.
func reasonOf(body *Reason) string {
	if body == nil {
		return ""
	}
	return body.Reason
}
