package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
)

func TestRolesAllowTheirPermissions(t *testing.T) {
	t.Parallel()
	cells := map[access.Role]map[access.Permission]bool{
		access.RoleViewer:   {access.PermissionRead: true},
		access.RoleOperator: {access.PermissionRead: true, access.PermissionOperate: true},
		access.RoleReviewer: {access.PermissionRead: true, access.PermissionReview: true},
		access.RoleAdmin: {
			access.PermissionRead: true, access.PermissionOperate: true, access.PermissionReview: true,
			access.PermissionAdminister: true,
		},
		access.RoleIngest: {access.PermissionIngest: true},
		"owner":           {},
		"":                {},
	}
	for role, allowed := range cells {
		for _, need := range append(access.Permissions(), "", "unknown") {
			require.Equal(t, allowed[need], role.Allows(need), "%q %q", role, need)
		}
	}
	for _, role := range access.Roles() {
		parsed, err := access.ParseRole(string(role))
		require.NoError(t, err)
		require.Equal(t, role, parsed)
	}
	_, err := access.ParseRole("ingest")
	require.EqualError(t, err, `unknown role "ingest" (want viewer, operator, reviewer or admin)`)
}

func TestScopeHasItsSitesOnly(t *testing.T) {
	t.Parallel()
	some := access.Sites("b.example", "a.example", "b.example")
	require.Equal(t, []string{"a.example", "b.example"}, some.Domains())
	require.Equal(t, "a.example, b.example", some.String())
	require.True(t, some.Has("a.example"))
	require.False(t, some.Has("c.example"))
	require.False(t, some.Has(""), "what belongs to no site needs all sites")
	require.False(t, some.All())
	require.False(t, access.Sites("").Has(""))

	require.True(t, access.AllSites().Has(""))
	require.Nil(t, access.AllSites().Domains())

	var none access.Scope
	require.False(t, none.Has("a.example"))
	require.NotNil(t, none.Domains(), "nil stands for all sites in queries")
	require.Empty(t, none.Domains())
	require.Equal(t, "no site", none.String())

	require.True(t, access.AllSites().Covers(some))
	require.False(t, some.Covers(access.AllSites()))
	require.True(t, some.Covers(access.Sites("a.example")))
	require.False(t, some.Covers(access.Sites("a.example", "c.example")))
	require.True(t, none.Covers(none))
}

func TestAuthorizeSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	ci := access.Principal{Name: "ci", Kind: access.KindToken, Role: access.RoleOperator, Sites: access.Sites("a.example")}
	require.NoError(t, ci.Authorize(access.PermissionOperate, "a.example"))
	for _, c := range []struct {
		need access.Permission
		site string
		want string
	}{
		{
			access.PermissionAdminister, "a.example",
			`forbidden: token "ci" has the role operator, which does not include the permission administer (want the role admin)`,
		},
		{access.PermissionRead, "b.example", `forbidden: token "ci" has no access to the site "b.example"`},
		{access.PermissionRead, "", `forbidden: token "ci" is limited to a.example, and this needs access to all sites`},
	} {
		err := ci.Authorize(c.need, c.site)
		require.ErrorIs(t, err, access.ErrForbidden)
		require.EqualError(t, err, c.want)
	}
	var zero access.Principal
	require.ErrorIs(t, zero.Authorize(access.PermissionRead, ""), access.ErrForbidden)
	require.NoError(t, access.CLI("ann").Authorize(access.PermissionAdminister, ""))
}

func TestRequireUsesThePrincipalOfTheContext(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, access.Require(t.Context(), access.PermissionRead, "a.example"), access.ErrUnauthenticated)
	_, err := access.RequireScope(t.Context(), access.PermissionRead)
	require.ErrorIs(t, err, access.ErrUnauthenticated)

	ctx := access.With(t.Context(), access.Principal{
		Name: "ann", Kind: access.KindAccount, Role: access.RoleViewer, Sites: access.Sites("a.example"),
	})
	require.NoError(t, access.Require(ctx, access.PermissionRead, "a.example"))
	require.ErrorIs(t, access.Require(ctx, access.PermissionRead, "b.example"), access.ErrForbidden)
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	require.NoError(t, err)
	require.Equal(t, []string{"a.example"}, scope.Domains())
	_, err = access.RequireScope(ctx, access.PermissionOperate)
	require.ErrorIs(t, err, access.ErrForbidden)
}

func TestActorTakesItsNameFromThePrincipal(t *testing.T) {
	t.Parallel()
	require.Equal(t, access.Actor{Name: "sluice", Kind: access.KindSystem, Door: access.DoorTemporal}, access.ActorFrom(t.Context()))
	ctx := access.WithActor(access.With(t.Context(), access.CLI("ann")), access.Actor{Door: access.DoorCLI})
	require.Equal(t, access.Actor{Name: "ann", Kind: access.KindCLI, Door: access.DoorCLI}, access.ActorFrom(ctx))
}
