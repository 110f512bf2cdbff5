package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
)

// pathParameter finds the parameters of a path in the document.
var pathParameter = regexp.MustCompile(`\{([a-z]+)\}`)

// Every operation of the document × every role × own site, foreign site, no site, all sites: a request is refused before
// anything of it is read. A new operation is tested without a change here, unless its path has a new parameter.
func TestAccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values := map[string]map[string]string{}
	for _, site := range []string{own, foreign} {
		imp, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{Site: site, Source: "noop"})
		require.NoError(t, err)
		name := strings.TrimSuffix(site, ".example")
		_, err = b.Starter.CreateSchedule(enginetest.Context(t), starter.NewSchedule{
			Name: name, Request: starter.Request{Site: site, Source: "noop"}, Timing: starter.Timing{Cron: "0 3 * * *"},
		})
		require.NoError(t, err)
		values[site] = map[string]string{
			"site": site, "import": fmt.Sprint(imp.ID), "schedule": name, "part": "1", "upload": "none",
			// These belong to no site. Only a stream needs what it is about.
			"connection": "none", "destination": "log", "action": "none", "job": "none", "event": "none", "flow": "none", "sync": "none",
			"token": "none", "account": "none", "key": "none",
		}
	}
	for template, item := range b.api.OpenAPI().Paths {
		for method, o := range operationsOf(item) {
			t.Run(o.OperationID, func(t *testing.T) {
				t.Parallel()
				need := fmt.Sprint(o.Extensions["x-sluice-permission"])
				scope := fmt.Sprint(o.Extensions["x-sluice-scope"])
				for _, site := range []string{own, foreign} {
					path := pathParameter.ReplaceAllStringFunc(template, func(name string) string {
						value, ok := values[site][strings.Trim(name, "{}")]
						require.True(t, ok, "the parameter %s is new: give it a value of each site in this test", name)
						return value
					})
					for name, principal := range b.tokens.principals {
						want := allowed(principal, need, scope, site)
						got := b.refusal(method, path, name)
						require.Equal(t, want, got, "%s %s as %s", method, path, name)
					}
					stranger := http.StatusUnauthorized
					if need == "none" {
						require.Contains(t, []string{"log-in", "set-up"}, o.OperationID, "an operation without authentication")
						stranger = 0
					}
					require.Equal(t, stranger, b.refusal(method, path, ""), "%s %s without a token", method, path)
					require.Equal(t, stranger, b.refusal(method, path, "other"), "%s %s with an unknown token", method, path)
				}
			})
		}
	}
}

// allowed returns the status of a refusal, 0 if the principal may do an operation.
func allowed(p access.Principal, need, scope, site string) int {
	switch {
	case need == "any", need == "none":
		return 0
	case !p.Role.Allows(access.Permission(need)):
		return http.StatusForbidden
	case scope == "some":
		return 0
	case scope == "all" && !p.Sites.All():
		return http.StatusForbidden
	case scope != "all" && !p.Sites.Has(site):
		return http.StatusNotFound
	default:
		return 0
	}
}

// refusal sends a request and returns the status of a refusal. The request of an operation says that its body is larger
// than any: what is allowed is refused for that, and is not done. Streams end at once.
func (b *bundle) refusal(method, path, as string) int {
	r := httptest.NewRequest(method, "http://sluice"+api.Prefix+path, http.NoBody)
	r.ContentLength = 1 << 40
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+as)
	}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	if w.Code == http.StatusRequestEntityTooLarge || api.IsStream(r) && w.Code == http.StatusOK {
		return 0
	}
	return w.Code
}

// A list has what is on the sites of the principal, whatever the filter asks for.
func TestListsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, site := range []string{own, foreign} {
		_, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{Site: site, Source: "noop"})
		require.NoError(t, err)
		_, err = b.Starter.CreateSchedule(enginetest.Context(t), starter.NewSchedule{
			Name: strings.TrimSuffix(site, ".example"), Request: starter.Request{Site: site, Source: "noop"},
			Timing: starter.Timing{Cron: "0 3 * * *"},
		})
		require.NoError(t, err)
	}
	for _, path := range []string{"/imports", "/schedules"} {
		for as, want := range map[string][]string{
			"viewer-own": {own}, "viewer-none": nil, "viewer-all": {own, foreign},
		} {
			var list struct{ Items []struct{ Site string } }
			b.ok(t, as, http.MethodGet, path, nil, &list)
			var sites []string
			for _, i := range list.Items {
				sites = append(sites, i.Site)
			}
			require.ElementsMatch(t, want, sites, "%s as %s", path, as)
		}
	}
	var list struct{ Items []any }
	b.ok(t, "viewer-own", http.MethodGet, "/imports?site="+foreign, nil, &list)
	require.Empty(t, list.Items)
}
