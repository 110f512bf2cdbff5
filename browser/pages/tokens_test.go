package pages_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/polltest"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// addToken creates a token by its page and returns its secret.
func (r *reader) addToken(name string) string {
	r.t.Helper()
	r.open("Tokens")
	r.choose("Name", name)
	r.choose("Role", "viewer")
	r.choose("All sites", "yes")
	r.click("Create the token")
	r.awaitText("Copy it now")
	secret := browsertest.Evaluate[string](r.Tab, `document.querySelector("#secret").textContent`)
	r.click("Done")
	return secret
}

// A token is revoked, and its next call is refused.
func TestRevokeToken(t *testing.T) {
	s := setup(t)
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		r := s.administrator(t, width)
		name := fmt.Sprintf("ci-%d", width)
		secret := r.addToken(name)
		require.NotContains(t, r.text(), secret)
		call := func(t require.TestingT) int {
			status, _ := s.call(t, secret, http.MethodGet, "/imports", nil)
			return status
		}
		require.Equal(t, http.StatusOK, call(t))
		r.clickNear("Revoke", name)
		r.awaitText("Servers refuse " + name + " within a second, permanently")
		require.Equal(t, http.StatusOK, call(t), "the question changes nothing")
		r.clickNear("Revoke", name)
		polltest.Until(t, func(c *polltest.Check) { require.Equal(c, http.StatusUnauthorized, call(c)) }, wait, poll)
		tokens, err := s.access().Tokens(t.Context())
		require.NoError(t, err)
		at := slices.IndexFunc(tokens, func(token accessstore.Token) bool { return token.Name == name })
		require.GreaterOrEqual(t, at, 0)
		require.NotNil(t, tokens[at].RevokedAt)
		r.awaitTrue(fmt.Sprintf(`[...document.querySelectorAll("main tr")].some(
			(tr) => tr.textContent.includes(%q) && tr.textContent.includes("revoked"))`, name), "the token is revoked")
		r.shoot("tokens")
		r.requireNoFaults()
	})
}
