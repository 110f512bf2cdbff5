package api_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// undescribed are operations of the audit whose entries say neither what was nor what became: they have no arguments and
// change nothing that has settings.
var undescribed = []string{"account.login", "account.logout", "flow.replay"}

// entriesOf returns the entries of the audit of a request.
func (b *bundle) entriesOf(tb testing.TB, id string) []accessstore.Entry {
	tb.Helper()
	entries, err := accessstore.New(b.Store.Store).Audit(enginetest.Context(tb), accessstore.AuditFilter{}, accessstore.Page{Limit: 200})
	require.NoError(tb, err)
	return slices.DeleteFunc(entries, func(e accessstore.Entry) bool { return e.RequestID != id })
}

// compareAudit fails the test unless the audit has an entry of a change, and of nothing else. A change without an entry
// may have been a repetition that changes nothing; compareSeen wants one of each operation.
func (b *bundle) compareAudit(tb testing.TB, as string, r *http.Request, got answer) {
	tb.Helper()
	o := operationOf(b.api, r)
	if o == nil || r.Method == http.MethodGet {
		return
	}
	label := r.Method + " " + r.URL.Path
	entries := b.entriesOf(tb, got.header.Get("X-Request-Id"))
	if o.Extensions["x-sluice-changes"] != true {
		require.Empty(tb, entries, "an entry of an operation that changes nothing: "+label)
		return
	}
	for _, e := range entries {
		require.Equal(tb, "api", e.Door, label)
		require.Equal(tb, "127.0.0.1", e.Address, label)
		if p, ok := b.tokens.principals[as]; ok {
			require.Equal(tb, []string{p.Name, string(p.Kind)}, []string{e.Who, e.Kind}, label)
		} else {
			require.Equal(tb, string(access.KindAccount), e.Kind, label)
		}
		require.NotEmpty(tb, e.SubjectType, label)
		if strings.Contains(r.URL.Path, "/sites/"+own) && e.SubjectType != "site" {
			require.Equal(tb, own, e.Site, label)
		}
		if got.status < 300 {
			require.Empty(tb, e.Error, label)
			require.True(tb, e.Before != nil || e.After != nil || slices.Contains(undescribed, e.Operation),
				"%s: the entry %s says neither what was nor what became", label, e.Operation)
		}
	}
	if got.status < 300 {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.changes[o.OperationID] = seen.changes[o.OperationID] || len(entries) > 0
	}
}

// Operations that change something are tested, so that compareSeen has looked for their entries.
func TestChangesAreDocumented(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, item := range b.api.OpenAPI().Paths {
		for method, o := range operationsOf(item) {
			changes, ok := o.Extensions["x-sluice-changes"].(bool)
			require.True(t, ok, o.OperationID)
			if method == http.MethodGet || o.Extensions["x-sluice-permission"] == "read" {
				require.False(t, changes, o.OperationID)
			}
			if _, known := seen.changes[o.OperationID]; changes && !known {
				seen.changes[o.OperationID] = false
			}
		}
	}
	text, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "x-sluice-changes")
}

// Tokens, accounts and keys of sites are created, listed and revoked.
func TestTokensAndAccounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var token api.CreatedToken
	b.ok(t, "admin-all", http.MethodPost, "/tokens", map[string]any{"name": "ci", "role": "operator", "sites": []string{own}}, &token)
	require.Equal(t, []string{own}, token.Sites)
	b.do(t, "admin-all", http.MethodPost, "/tokens", map[string]any{"name": "x", "role": "operator"}).problem(t, "invalid")
	revoked := b.ok(t, "admin-all", http.MethodDelete, "/tokens/ci", nil, nil)
	entries := b.entriesOf(t, revoked.header.Get("X-Request-Id"))
	require.Len(t, entries, 1)
	require.NotContains(t, string(entries[0].Before)+string(entries[0].After), token.Secret)
	b.do(t, "admin-all", http.MethodDelete, "/tokens/none", nil).problem(t, "not-found")

	var account api.Account
	b.ok(t, "admin-all", http.MethodPost, "/accounts",
		map[string]any{"name": "ann", "password": password, "role": "viewer", "all_sites": true}, &account)
	require.Equal(t, "admin-all", account.CreatedBy)
	b.ok(t, "admin-all", http.MethodPatch, "/accounts/ann", map[string]any{"role": "reviewer"}, &account)
	require.Equal(t, "reviewer", account.Role)

	var key api.CreatedSiteKey
	b.ok(t, "admin-own", http.MethodPost, "/sites/"+own+"/keys", map[string]any{"label": "shop"}, &key)
	b.ok(t, "admin-own", http.MethodDelete, "/sites/"+own+"/keys/"+key.Prefix, nil, nil)
	var audit struct{ Items []accessclient.AuditEntry }
	b.ok(t, "admin-all", http.MethodGet, "/audit?operation=site.key.revoke", nil, &audit)
	require.Len(t, audit.Items, 1)
	require.Equal(t, []string{"admin-own", "token", own}, []string{audit.Items[0].Who, audit.Items[0].Kind, audit.Items[0].Site})
}
