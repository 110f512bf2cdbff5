package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/store/internal/pg"
)

// audit returns all entries, newest first.
func (b *bundle) audit(t *testing.T) []accessstore.Entry {
	t.Helper()
	entries, err := accessstore.New(b.Store.Store).Audit(b.ctx, accessstore.AuditFilter{}, accessstore.Page{})
	require.NoError(t, err)
	return entries
}

// asToken returns a context in which a service acts through the API.
func asToken(ctx context.Context) context.Context {
	ctx = access.With(ctx, access.Principal{
		Name: "ci", Kind: access.KindToken, ID: 7, Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	return access.WithActor(ctx, access.Actor{Door: access.DoorAPI, Address: "192.0.2.1", RequestID: "r-1"})
}

func TestChangeIsAuditedInItsTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	site, err := b.Imports.AddSite(b.ctx, importing.NewSite{Domain: "a.example", TimeZone: "UTC"})
	require.NoError(t, err)
	sites, ctx := ingesting.New(b.Store.Store), asToken(b.ctx)
	entry := store.AuditEntry{Operation: "site.set", SubjectType: "site", Site: "a.example", After: map[string]bool{"block": true}}
	block := func(ctx context.Context) error {
		_, err := sites.ChangeSite(ctx, "a.example", func(s *ingesting.Site) error { s.Settings.Blocked = true; return nil })
		store.NoteSubject(ctx, "late", "late.example")
		return err
	}

	// Without an entry, because it cannot be written, there is no change.
	broken := entry
	broken.Operation = "NO OPERATION"
	require.ErrorContains(t, b.Audited(ctx, broken, block), "audit_operation_check")
	loaded, _, err := sites.LoadSite(b.ctx, site.ID)
	require.NoError(t, err)
	require.False(t, loaded.Settings.Blocked)
	require.Empty(t, b.audit(t))

	// A change that fails has no entry.
	failed := errors.New("failed")
	require.ErrorIs(t, b.Audited(ctx, entry, func(ctx context.Context) error {
		return b.SQL(pg.Key{}).InPgxTx(ctx, func(pgx.Tx) error { return failed })
	}), failed)
	require.Empty(t, b.audit(t))

	require.NoError(t, b.Audited(ctx, entry, func(ctx context.Context) error {
		store.NoteSubject(ctx, "17", "")
		return b.Audited(ctx, store.AuditEntry{Operation: "inner.change", SubjectType: "x"}, block)
	}))
	entries := b.audit(t)
	require.Len(t, entries, 1)
	e := entries[0]
	require.Equal(t, []string{"ci", "token", "api", "192.0.2.1", "r-1", "site.set", "site", "17", "a.example", ""},
		[]string{e.Who, e.Kind, e.Door, e.Address, e.RequestID, e.Operation, e.SubjectType, e.SubjectID, e.Site, e.Error})
	require.Contains(t, string(e.Before), `"blocked": false`)
	require.Contains(t, string(e.After), `"blocked": true`)

	// What fails after its entry was recorded says so.
	require.ErrorIs(t, b.Audited(ctx, entry, func(ctx context.Context) error { return errors.Join(block(ctx), failed) }), failed)
	require.Equal(t, "failed", b.audit(t)[0].Error)
}

func TestChangeOutsideTransactionsIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, entry := asToken(b.ctx), store.AuditEntry{Operation: "import.pause", SubjectType: "import", SubjectID: "17"}
	require.NoError(t, b.Audited(ctx, entry, func(context.Context) error { return nil }))
	require.Len(t, b.audit(t), 1)
	failed := errors.New("refused")
	require.ErrorIs(t, b.Audited(ctx, entry, func(context.Context) error { return failed }), failed)
	require.Len(t, b.audit(t), 1)
	// A command is recorded before it is sent, also if its sender ends then.
	entry.Ahead = true
	ended, end := context.WithCancel(ctx)
	require.ErrorIs(t, b.Audited(ended, entry, func(context.Context) error {
		require.Len(t, b.audit(t), 2)
		require.Empty(t, b.audit(t)[0].Error)
		end()
		return failed
	}), failed)
	require.Equal(t, "refused", b.audit(t)[0].Error)

	// Sluice's own changes are not recorded.
	require.NoError(t, b.Audited(b.ctx, entry, func(context.Context) error { return nil }))
	require.Len(t, b.audit(t), 2)
}

func TestAuditHasNoSecrets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	entry := store.AuditEntry{
		Operation: "connection.add", SubjectType: "connection", SubjectID: "shop\x00\xff",
		Before: map[string]any{"large": strings.Repeat("x", store.MaxAuditDocument)},
		After: map[string]any{
			"password": "hunter2", "API_KEY": "hunter2", "list": []any{map[string]any{"client_secret": "hunter2"}},
			"secret_names": []string{"api_key"}, "url": "https://ann:hunter2@example.com/x", "bad": "https://ann:hunter2@%zz/",
			"text": "a\x00b", "number": json.Number("12345678901234567890"), "token": "", "Authorization": nil,
		},
	}
	require.NoError(t, b.Audited(asToken(b.ctx), entry, func(context.Context) error { return nil }))
	e := b.audit(t)[0]
	require.NotContains(t, string(e.After), "hunter2")
	require.JSONEq(t, `{"password": "[redacted]", "API_KEY": "[redacted]", "list": [{"client_secret": "[redacted]"}],
		"secret_names": ["api_key"], "url": "https://ann:xxxxx@example.com/x", "bad": "https://[redacted]@%zz/", "text": "a`+"\uFFFD"+`b",
		"number": 12345678901234567890, "token": "", "Authorization": null}`, string(e.After))
	require.JSONEq(t, `{"omitted_bytes": 32780}`, string(e.Before))
	require.Equal(t, "shop\uFFFD\uFFFD", e.SubjectID)
}
