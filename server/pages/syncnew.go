package pages

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/server/api"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// newSyncPath is the path of the page that creates syncs. Every path below /syncs is a name.
const newSyncPath = "/new/sync"

// newSync adds the page that creates syncs.
func (p *Pages) newSync() {
	p.page("GET "+newSyncPath, "sync_new", p.newSyncPage)
	p.action("POST "+newSyncPath, "sync_new", p.newSyncPage, createSync)
}

// syncForm is the page of a new sync.
type syncForm struct {
	// From and To are the connections that a sync can read and write, as KIND:NAME.
	From, To []string
	// Fields are settings of tables, and More the other ones.
	Fields, More []syncField
}

// tableSettings are the settings that only tables and queries have.
var tableSettings = []string{"key_column", "cursor_column", "query", "target_table", "target_key", "mapping"}

// moreSettings are further settings of a new sync. The page of the sync has all.
var moreSettings = []string{"scan_every", "max_missing", "alarm_after"}

func (p *Pages) newSyncPage(v *visit) (any, error) {
	kinds, err := get[List[api.ConnectionKind]](v, "/connection-kinds", nil)
	if err != nil {
		return nil, err
	}
	from, to := map[string]bool{}, map[string]bool{}
	for _, kind := range kinds.Items {
		from[kind.Name], to[kind.Name] = kind.SyncFrom, kind.SyncTo
	}
	all, err := get[List[connections.Info]](v, "/connections", url.Values{"limit": {"200"}})
	var form syncForm
	for _, c := range all.Items {
		endpoint := c.Kind + ":" + c.Name
		if from[c.Kind] {
			form.From = append(form.From, endpoint)
		}
		if to[c.Kind] {
			form.To = append(form.To, endpoint)
		}
	}
	empty := func(name string) syncField { return fieldOf(name, "") }
	form.Fields, form.More = convert.Slice(tableSettings, empty), convert.Slice(moreSettings, empty)
	return form, err
}

func createSync(v *visit) (string, error) {
	form := v.r.PostForm
	request := api.SyncRequest{
		Name: strings.TrimSpace(form.Get("name")), List: strings.TrimSpace(form.Get("list_id")),
		From: endpointOf(form.Get("from")), To: endpointOf(form.Get("to")), Settings: map[string]json.RawMessage{},
	}
	if request.List == "" && strings.TrimSpace(form.Get("set.query")) == "" {
		return "", invalid("list_id", "want the ID of a list, or the name of a table, or a query")
	}
	every, err := time.ParseDuration(cmp.Or(strings.TrimSpace(form.Get("every")), "2h"))
	if err != nil || every < time.Second || every%time.Second != 0 {
		return "", invalid("every", "want a duration of whole seconds, such as 2h or 30m")
	}
	request.EverySeconds = int64(every / time.Second)
	for _, name := range syncclient.SettingNames() {
		value := strings.TrimSpace(form.Get("set." + name))
		if value == "" {
			continue
		}
		if request.Settings[name], err = json.Marshal(value); err != nil {
			return "", err
		}
	}
	var created syncclient.Sync
	err = v.send(http.MethodPost, "/syncs", request, &created)
	return "/syncs/" + url.PathEscape(created.Name), err
}

// endpointOf returns the side of a sync that is written as KIND:NAME.
func endpointOf(text string) api.Endpoint {
	kind, name, _ := strings.Cut(text, ":")
	return api.Endpoint{Kind: kind, Connection: name}
}
