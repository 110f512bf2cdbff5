package pages

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/server/api"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// newConnectionPath is the path of the page that adds connections. Every path below /connections is a name.
const newConnectionPath = "/new/connection"

// connections adds the pages of connections.
func (p *Pages) connections() {
	p.nav("Settings", "/connections", "Connections", access.PermissionRead, true)
	p.page("GET /connections", "connections", p.connectionsPage)
	p.page("GET "+newConnectionPath, "connection_new", p.newConnectionPage)
	p.action("POST "+newConnectionPath, "connection_new", p.newConnectionPage, addConnection)
	p.page("GET /connections/{connection}", "connection", p.connectionPage)
	p.page("GET /connections/{connection}/edit", "connection_edit", p.editConnectionPage)
	p.action("POST /connections/{connection}/edit", "connection_edit", p.editConnectionPage, editConnection)
	p.result("POST /connections/{connection}/test", "connection", p.testConnection)
	s := subject{p, "/connections/{connection}", "connection", p.connectionPage}
	s.commands("pause", "resume", "rotate")
	s.command("secrets", func(v *visit) error {
		return v.send(http.MethodPatch, connectionPath(v)+"/secrets", api.ConnectionSecrets{Secrets: typedSecrets(v)}, nil)
	})
	p.action("POST /connections/{connection}/delete", "connection", p.connectionPage, func(v *visit) (string, error) {
		path := connectionPath(v)
		if v.r.PostForm.Get("force") != "" {
			path += "?force=true"
		}
		return "/connections", v.send(http.MethodDelete, path, nil, nil)
	})
}

// connectionPath is the path of the connection of a request, here and at the API.
func connectionPath(v *visit) string { return v.at("/connections/{connection}") }

// connectionFilters are the filters of connections.
var connectionFilters = []string{"text", "kind", "state"}

// connectionList is the page of connections.
type connectionList struct {
	List[connections.Info]
	// States are the states of their health.
	States []string
}

func (p *Pages) connectionsPage(v *visit) (any, error) {
	list, err := getPage[connections.Info](v, "/connections", connectionFilters...)
	return connectionList{List: list, States: deliverystore.ConnectionStates()}, err
}

// connectionShown is the page of a connection.
type connectionShown struct {
	connections.Info
	// Kind describes its kind, nil if the server does not know it.
	KindShown *api.ConnectionKind
	// Tested is the result of a test, and Fault says why there is none.
	Tested *connectclient.Tested
	Fault  *api.Problem
}

// Has tells whether a secret is set.
func (c connectionShown) Has(secret string) bool { return slices.Contains(c.Secrets, secret) }

// Paused tells whether a person has opened its circuit.
func (c connectionShown) Paused() bool { return c.Health.PausedAt != nil }

// Values are the settings by name, with their values in JSON.
func (c connectionShown) Values() ([]argument, error) { return argumentsOf(c.Settings) }

func (p *Pages) connectionPage(v *visit) (any, error) { return loadConnection(v) }

func loadConnection(v *visit) (connectionShown, error) {
	info, err := get[connections.Info](v, connectionPath(v), nil)
	shown := connectionShown{Info: info}
	if err != nil {
		return shown, err
	}
	shown.KindShown, err = kindOf(v, info.Kind)
	return shown, err
}

// connectionEdited is the page that edits the settings of a connection.
type connectionEdited struct {
	connections.Info
	ETag string
	// KindShown describes its kind, nil if the server does not know it.
	KindShown *api.ConnectionKind
}

// Has tells whether a secret is set.
func (c connectionEdited) Has(secret string) bool { return slices.Contains(c.Secrets, secret) }

func (p *Pages) editConnectionPage(v *visit) (any, error) {
	info, etag, err := getTagged[connections.Info](v, connectionPath(v))
	if err != nil {
		return nil, err
	}
	shown := connectionEdited{Info: info, ETag: etag}
	if shown.KindShown, err = kindOf(v, info.Kind); err != nil {
		return nil, err
	}
	values, err := argumentsOf(info.Settings)
	if err != nil {
		return nil, err
	}
	v.begin = url.Values{"settings": {string(info.Settings)}}
	if shown.KindShown != nil {
		for _, value := range values {
			text, err := typedAgain(value, shown.KindShown.Settings)
			if err != nil {
				return nil, err
			}
			v.begin.Set("arg."+value.Name, text)
		}
	}
	return shown, nil
}

// typedAgain returns the value of a setting as its field takes it.
func typedAgain(value argument, settings []api.ConnectionSetting) (string, error) {
	at := slices.IndexFunc(settings, func(s api.ConnectionSetting) bool { return s.Name == value.Name })
	if at < 0 || settings[at].Type != "list of strings" {
		return value.Value, nil
	}
	var texts []string
	if err := json.Unmarshal([]byte(value.Value), &texts); err != nil {
		return "", fmt.Errorf("read the list %s: %w", value.Name, err)
	}
	return strings.Join(texts, "\n"), nil
}

// editConnection replaces the settings of a connection. Secrets that are not typed stay.
func editConnection(v *visit) (string, error) {
	secrets := typedSecrets(v)
	settings, err := typedSettings(v.r.PostForm)
	if err != nil {
		return "", err
	}
	return connectionPath(v), v.edit(http.MethodPut, connectionPath(v), api.ConnectionReplacement{
		ConnectionSettings: api.ConnectionSettings{
			Kind: v.r.PostForm.Get("kind"), Settings: settings, Secrets: secrets,
		},
		KeepSecrets: true,
	})
}

// kindOf returns a kind of connections, or nil.
func kindOf(v *visit, name string) (*api.ConnectionKind, error) {
	kinds, err := get[List[api.ConnectionKind]](v, "/connection-kinds", nil)
	if err != nil {
		return nil, err
	}
	for i := range kinds.Items {
		if kinds.Items[i].Name == name {
			return &kinds.Items[i], nil
		}
	}
	return nil, nil //nolint:nilnil // documented above
}

// testConnection shows the result of a test.
func (p *Pages) testConnection(v *visit) (any, error) {
	shown, err := loadConnection(v)
	if err != nil {
		return nil, err
	}
	var tested connectclient.Tested
	err = v.send(http.MethodPost, connectionPath(v)+"/test", nil, &tested)
	if err == nil {
		shown.Tested = &tested
		return shown, nil
	}
	err = asProblem(err, &shown.Fault)
	return shown, err
}

// argumentsOf is members for an object that is not read yet.
func argumentsOf(object json.RawMessage) ([]argument, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(object, &values); err != nil {
		return nil, fmt.Errorf("read the members of an object: %w", err)
	}
	return members(values)
}

// members returns the members of a JSON object by name, with their values: texts as they are, others in JSON.
func members(values map[string]json.RawMessage) ([]argument, error) {
	var all []argument
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text, err := jsonText(values[name])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, argument{name, text})
	}
	return all, nil
}

// connectionForm is the page of a new connection.
type connectionForm struct {
	Kinds []api.ConnectionKind
	// Kind is the kind that is chosen, or nil.
	Kind *api.ConnectionKind
}

func (p *Pages) newConnectionPage(v *visit) (any, error) {
	kinds, err := get[List[api.ConnectionKind]](v, "/connection-kinds", nil)
	form := connectionForm{Kinds: kinds.Items}
	for i := range form.Kinds {
		if form.Kinds[i].Name == v.value("kind") {
			form.Kind = &form.Kinds[i]
		}
	}
	return form, err
}

// typedSecrets returns the secrets of a form that are not empty, by name. They are removed from the form: the page
// never shows them again.
func typedSecrets(v *visit) map[string]string {
	secrets := map[string]string{}
	for name := range v.r.PostForm {
		if secret, ok := strings.CutPrefix(name, "secret."); ok {
			if value := v.r.PostForm.Get(name); value != "" {
				// A browser sends the ends of lines of a text area as CR LF.
				secrets[secret] = strings.ReplaceAll(value, "\r\n", "\n")
			}
			v.r.PostForm.Del(name)
		}
	}
	return secrets
}

func addConnection(v *visit) (string, error) {
	form := v.r.PostForm
	// The secrets leave the form whatever is wrong with the rest of it.
	secrets := typedSecrets(v)
	settings, err := typedSettings(form)
	if err != nil {
		return "", err
	}
	request := api.ConnectionRequest{
		Name:               strings.TrimSpace(form.Get("name")),
		ConnectionSettings: api.ConnectionSettings{Kind: form.Get("kind"), Settings: settings, Secrets: secrets},
	}
	var added connections.Info
	err = v.send(http.MethodPost, "/connections", request, &added)
	return "/connections/" + url.PathEscape(added.Name), err
}

// typedSettings returns the settings of a form: those of its field settings, a JSON object, and of the fields of its
// arguments.
func typedSettings(form url.Values) (map[string]json.RawMessage, error) {
	settings := map[string]json.RawMessage{}
	if text := strings.TrimSpace(form.Get("settings")); text != "" {
		if err := json.Unmarshal([]byte(text), &settings); err != nil || settings == nil {
			return nil, invalid("settings", "want a JSON object")
		}
	}
	return settings, typedArguments(form, settings)
}

// typedArguments adds the arguments of a form, whose fields are arg.NAME with their types in type.NAME, to values.
// Empty fields are left out.
func typedArguments(form url.Values, values map[string]json.RawMessage) error {
	var faults []api.Fault
	for _, name := range slices.Sorted(maps.Keys(form)) {
		argument, ok := strings.CutPrefix(name, "arg.")
		value := strings.TrimSpace(form.Get(name))
		if !ok || value == "" {
			continue
		}
		encoded, err := argumentValue(value, form.Get("type."+argument))
		if err != nil {
			faults = append(faults, api.Fault{Pointer: argument, Detail: err.Error()})
			continue
		}
		values[argument] = encoded
	}
	if len(faults) > 0 {
		return invalidFields(faults...)
	}
	return nil
}
