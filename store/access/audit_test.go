package access_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/access"
)

// record records a change by a person on a site.
func (b *bundle) record(t *testing.T, who, operation, subject, site string) {
	t.Helper()
	ctx := roles.WithActor(b.ctx, roles.Actor{Name: who, Kind: roles.KindAccount, Door: roles.DoorPage})
	entry := store.AuditEntry{Operation: operation, SubjectType: "import", SubjectID: subject, Site: site}
	require.NoError(t, b.Audited(ctx, entry, func(context.Context) error { return nil }))
}

func TestAuditIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 6 {
		b.record(t, []string{"ann", "bob"}[i%2], []string{"import.start", "import.pause", "import.cancel"}[i%3], fmt.Sprint(i),
			[]string{"a.example", ""}[i/3])
	}
	b.exec(t, "UPDATE audit SET at = now() - interval '3 hours' WHERE subject_id = '0'")
	list := func(f access.AuditFilter, p access.Page) (subjects string, last int64) {
		t.Helper()
		entries, err := b.Audit(b.ctx, f, p)
		require.NoError(t, err)
		for _, e := range entries {
			subjects += e.SubjectID
			last = e.ID
		}
		return subjects, last
	}
	for want, f := range map[string]access.AuditFilter{
		"543210": {}, "420": {Who: "ann"}, "30": {Operation: "import.start"}, "210": {Site: "a.example"},
		"2": {SubjectType: "import", SubjectID: "2"}, "54321": {Since: time.Now().Add(-time.Hour)},
		"0": {Until: time.Now().Add(-time.Hour)}, "": {SubjectType: "job"}, "4": {Who: "ann", Operation: "import.pause"},
	} {
		got, _ := list(f, access.Page{})
		require.Equal(t, want, got, "%+v", f)
	}
	// Pages neither repeat nor omit an entry, also when others are added meanwhile.
	all, page := "", access.Page{Limit: 2}
	for {
		got, last := list(access.AuditFilter{}, page)
		if got == "" {
			break
		}
		all, page.Before = all+got, last
		b.record(t, "carl", "import.start", "x", "")
	}
	require.Equal(t, "543210", all)
	entries, err := b.Audit(b.ctx, access.AuditFilter{}, access.Page{Limit: access.MaxPage + 1})
	require.NoError(t, err)
	require.Len(t, entries, 9)
}

func TestAuditIsPurgedByAge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO audit (who, kind, door, operation, subject_type, at)
		SELECT 'ann', 'cli', 'cli', 'site.set', 'site', now() - make_interval(days => i / 20) FROM generate_series(1, 8019) i`)
	removed, err := b.PurgeAudit(b.ctx, 100*24*time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 8019-100*20+1, removed)
	removed, err = b.PurgeAudit(b.ctx, 100*24*time.Hour)
	require.NoError(t, err)
	require.Zero(t, removed)
}

// Changes of tokens and accounts are recorded with what they were and what they became.
func TestChangesOfAccessAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := b.asAnn()
	entry := store.AuditEntry{Operation: "token.create", SubjectType: "token", SubjectID: "ci"}
	require.NoError(t, b.Audited(ctx, entry, func(ctx context.Context) error {
		_, _, err := b.CreateToken(ctx, newToken("ci"))
		return err
	}))
	b.account(t, "bob", roles.RoleViewer, roles.AllSites())
	entry = store.AuditEntry{Operation: "account.set", SubjectType: "account", SubjectID: "bob"}
	require.NoError(t, b.Audited(ctx, entry, func(ctx context.Context) error {
		role := roles.RoleOperator
		_, err := b.ChangeAccount(ctx, "bob", access.AccountChange{Role: &role})
		return err
	}))
	entries, err := b.Audit(b.ctx, access.AuditFilter{}, access.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Contains(t, string(entries[0].Before), `"role": "viewer"`)
	require.Contains(t, string(entries[0].After), `"role": "operator"`)
	require.NotContains(t, string(entries[0].After), "argon2id")
	require.Nil(t, entries[1].Before)
	require.Contains(t, string(entries[1].After), `"sites": ["a.example"]`)
	require.Equal(t, []string{"ann", "cli", "cli"}, []string{entries[1].Who, entries[1].Kind, entries[1].Door})
}
