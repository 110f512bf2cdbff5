package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/calendar"
)

// init replaces huma's model of errors, which variables of its package hold, before any API is made.
func init() {
	huma.NewError = humaProblem
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		p := newHumaProblem(status, message, errs...)
		p.Instance = requestIDOf(ctx.Context())
		return p
	}
}

// dayText describes a calendar.Day in the document.
type dayText string

// Schema describes a day as a date.
func (dayText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date", Examples: []any{"2026-01-31"}}
}

// introduction is the description of the document.
const introduction = "Operations of Sluice. Errors are `application/problem+json` (RFC 9457) with a stable `type`. " +
	"Lists have pages of `limit` items; `next` is the path of the next page. " +
	"`Idempotency-Key` makes a POST safe to repeat. docs/api.md has a walk-through."

// documentConfig returns the configuration of the document.
func (a *API) documentConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(typeOf[calendar.Day](), typeOf[dayText]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Sluice", Version: a.cfg.Version, Description: introduction},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					securityToken: {Type: "http", Scheme: "bearer", Description: "A token of `sluice token create`."},
					securitySession: {
						Type: "apiKey", In: "cookie", Name: SessionCookie, Description: "The session of a browser, from log-in.",
					},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

// serveDocument serves the document and the page made from it, which are the same for everybody.
func (a *API) serveDocument() error {
	document, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	page, err := docsPage(document)
	if err != nil {
		return fmt.Errorf("render the page of the OpenAPI document: %w", err)
	}
	a.document = document
	a.mux.HandleFunc("GET "+DocumentPath, served("application/vnd.oai.openapi+json;version=3.1", "", document))
	a.mux.HandleFunc("GET "+DocsPath, served("text/html; charset=utf-8", docsPolicy, page))
	a.mux.HandleFunc("GET "+docsStylePath, served("text/css; charset=utf-8", "", docsStyle))
	for _, path := range []string{DocumentPath, DocsPath, docsStylePath} {
		a.mux.HandleFunc(path, a.unknown)
	}
	return nil
}

// served returns a handler that answers with a fixed body. policy replaces the content security policy.
func served(contentType, policy string, body []byte) http.HandlerFunc {
	hash := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(hash[:16]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Etag", etag)
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		// The client may have gone.
		_, _ = w.Write(body) //nolint:errcheck // see above
	}
}

// Document returns the OpenAPI document, in JSON.
func (a *API) Document() []byte { return a.document }
