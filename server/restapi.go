package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/authenticator"
	"github.com/sluicehq/sluice/internal/uploading"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/server/pages"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	accessstore "github.com/sluicehq/sluice/store/access"
	servingstore "github.com/sluicehq/sluice/store/serving"
	"github.com/sluicehq/sluice/warehouse"
)

// restAPI is the REST API and its pages, with their connections.
type restAPI struct {
	*api.API
	pages     *pages.Pages
	temporal  client.Client
	warehouse *warehouse.Warehouse
}

// openAPI builds the REST API, unless server.api is false or the program brings no components. It connects to
// Temporal and the warehouse with the first request that needs them: events are taken without them.
func (s *Server) openAPI() (err error) {
	settings := s.cfg.Settings
	if !settings.Server.API || s.cfg.Components.Importers == nil {
		return nil
	}
	opened := &restAPI{}
	s.api = opened
	options, err := starter.TemporalOptions(s.log, s.cfg.Environ)
	if err != nil {
		return err
	}
	if opened.temporal, err = client.NewLazyClient(options); err != nil {
		return fmt.Errorf("client of Temporal: %w", err)
	}
	if opened.warehouse, err = warehouse.Open(wiring.Warehouse(settings.Warehouse)); err != nil {
		return err
	}
	tokens, err := authenticator.New(authenticator.Config{Store: accessstore.New(s.store.Store), Logger: s.log})
	if err != nil {
		return err
	}
	deliveries, err := deliveryclient.New(deliveryclient.Config{
		Temporal: opened.temporal, Store: s.store, Registry: s.cfg.Components.Destinations, Logger: s.log,
	})
	if err != nil {
		return err
	}
	builtIn, err := smtp.BuiltIn(wiring.MailServer(settings.Notify))
	if err != nil {
		return fmt.Errorf("the connection %s: %w", connections.Notify, err)
	}
	signedIn := &principals{
		tokens: tokens, accounts: accessstore.New(s.store.Store), local: signsInLocally(settings.Server),
	}
	proxies := request.Proxies(settings.Server.Proxies())
	opened.API, err = api.New(api.Config{
		EventLog: s.events,
		Starter: &starter.Starter{
			Temporal: opened.temporal, Namespace: options.Namespace, Store: s.store, Registry: s.cfg.Components.Importers,
			Defaults: settings.Import, Review: settings.Review, Limits: settings.Limits,
		},
		Deliveries: deliveries,
		Connections: &connections.Connections{
			Store: s.store.Deliveries, Vault: connections.NewVault(wiring.Vault(settings.Connections)),
			Registry: s.cfg.Components.Kinds, BuiltIn: builtIn,
		},
		Warehouse: opened.warehouse,
		Pipeline:  wiring.Pipeline(settings.Ingest), Refdata: s.data.Load,
		Uploads: &uploading.Folder{
			Dir: settings.Server.UploadDir, MaxBytes: settings.Server.MaxUploadMiB << 20,
			MaxPerSite: int64(settings.Server.MaxUploadsPerSite),
			Store:      servingstore.New(s.store.Store), Sites: s.store.Imports, Registry: s.cfg.Components.Importers,
		},
		FetchGuard:    settings.Connections.Guard(uploading.Kind),
		Authenticator: signedIn,
		Address: func(r *http.Request) string {
			ip := request.Client(r.Header, r.RemoteAddr, proxies)
			if !ip.IsValid() {
				return ""
			}
			return ip.String()
		},
		Secure:     func(r *http.Request) bool { return r.TLS != nil || request.Secure(r.Header, r.RemoteAddr, proxies) },
		MaxStreams: settings.Server.MaxStreams, Logger: s.log, Version: version.String(),
	})
	if err != nil {
		return err
	}
	opened.pages, err = pages.New(pages.Config{
		API: opened.API, Authenticator: signedIn, TemporalUI: temporalUI(settings.Server.TemporalUI, options.Namespace),
		Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.background = append(s.background, tokens.Run, opened.Run)
	return nil
}

// temporalUI returns the address of a namespace in the Temporal Web UI, "" without the UI.
func temporalUI(address, namespace string) string {
	if address == "" {
		return ""
	}
	return strings.TrimSuffix(address, "/") + "/namespaces/" + url.PathEscape(cmp.Or(namespace, client.DefaultNamespace))
}

// handler counts the requests and compresses the answers; streams, which last, are counted apart and not compressed.
func (a *restAPI) handler(m *metrics) (http.Handler, error) {
	answers, err := compressed(a.API)
	if err != nil {
		return nil, err
	}
	requests, streams := m.observe(api.Prefix, answers), m.observe(api.Prefix+" streams", a.API)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.IsStream(r) {
			streams.ServeHTTP(w, r)
			return
		}
		requests.ServeHTTP(w, r)
	}), nil
}

// close ends the connections.
func (a *restAPI) close() error {
	var err error
	if a.temporal != nil {
		a.temporal.Close()
	}
	if a.warehouse != nil {
		err = errors.Join(err, a.warehouse.Close())
	}
	return err
}
