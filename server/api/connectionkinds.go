package api

import (
	"context"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
)

// ConnectionKind is a kind of connections that the server knows.
type ConnectionKind struct {
	Name     string              `json:"name" doc:"Name for the field kind of add-connection."`
	Label    string              `json:"label" doc:"What people see."`
	Settings []ConnectionSetting `json:"settings" maxItems:"100" doc:"Its settings; empty if the kind does not describe them."`
	Secrets  []ConnectionSecret  `json:"secrets" maxItems:"20" doc:"The secrets that a connection can have."`
	SyncFrom bool                `json:"sync_from" doc:"A sync can read its connections."`
	SyncTo   bool                `json:"sync_to" doc:"A sync can write to its connections."`
}

// ConnectionSetting is a setting of a kind of connections.
type ConnectionSetting struct {
	Name     string `json:"name"`
	Type     string `json:"type" doc:"JSON type, such as list of strings."`
	Required bool   `json:"required"`
	Default  string `json:"default" doc:"Value of an omitted setting; empty if that is the zero value of the type."`
	Usage    string `json:"usage" doc:"Its meaning, in one line."`
}

// ConnectionSecret is a secret of a kind of connections.
type ConnectionSecret struct {
	Name        string `json:"name"`
	Required    bool   `json:"required"`
	Description string `json:"description" doc:"What it is and where it is from."`
}

type connectionKindsOutput struct {
	Body struct {
		Items []ConnectionKind `json:"items" maxItems:"1000"`
	}
}

func (a *API) listConnectionKinds(context.Context, *struct{}) (*connectionKindsOutput, error) {
	out := &connectionKindsOutput{}
	out.Body.Items = []ConnectionKind{}
	for _, known := range a.cfg.Connections.Registry.All() {
		kind := ConnectionKind{
			Name: known.Name(), Label: known.Label(), Settings: []ConnectionSetting{}, Secrets: []ConnectionSecret{},
		}
		if describer, ok := known.(connections.SettingsDescriber); ok {
			for _, setting := range describer.Settings() {
				kind.Settings = append(kind.Settings, ConnectionSetting(setting))
			}
		}
		for _, secret := range known.Secrets() {
			kind.Secrets = append(kind.Secrets, ConnectionSecret{
				Name: secret.Name, Required: secret.Required, Description: secret.Description,
			})
		}
		_, kind.SyncFrom = known.(syncacts.ReaderKind)
		_, kind.SyncTo = known.(syncacts.WriterKind)
		out.Body.Items = append(out.Body.Items, kind)
	}
	return out, nil
}
