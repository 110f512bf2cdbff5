package pages_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/browser/browsertest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// addAccount adds an account of a role for all sites by the page of accounts.
func (r *reader) addAccount(name string, role access.Role) {
	r.t.Helper()
	r.open("Accounts")
	r.choose("Name", name)
	r.choose("Role", string(role))
	r.choose("All sites", "yes")
	r.choose("New password", password)
	r.choose("Once more", password)
	r.click("Create the account")
	r.awaitText(name)
}

// The requester of an import reads that a second person must accept it, before the start and before the decision; the
// second person accepts it.
func TestSecondPerson(t *testing.T) {
	s := setup(t)
	// The rule is a setting of a server, which stores it with the imports that it starts.
	strict := s.Serve(t, "SLUICE_REVIEW_REQUIRE_SECOND_APPROVER=true")
	file := export(t, "%d")
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site, ada := s.site(t), s.administrator(t, width)
		name := fmt.Sprintf("ben-%d", width)
		if _, err := s.access().Account(t.Context(), name); err != nil {
			ada.addAccount(name, access.RoleReviewer)
		}
		account, err := s.access().Account(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, access.RoleReviewer, account.Role)

		requester := ada.at("http://" + strict)
		requester.chooseExport(site, file)
		requester.awaitText("A second person accepts: you cannot accept an import that you have requested")
		requester.choose("Review", reviewed)
		requester.click("Start import")
		requester.awaitText("You have requested this import, and a second person must accept it")
		imported := requester.path()
		id := strings.TrimPrefix(imported, "/imports/")
		requester.shoot("second-person-requester")
		requester.open("Reviews")
		requester.awaitText("a second person accepts")
		requester.click(id)
		requester.awaitText("Visitors beside those of the site")
		requester.awaitText("a second person must accept it")
		require.NotContains(t, requester.text(), "Accept", "there is no such button")
		// The rule does not depend on the button.
		require.Equal(t, http.StatusConflict, browsertest.Evaluate[int](requester.Tab, fmt.Sprintf(
			`fetch("/api/v1%s/decision", { method: "POST", headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ verdict: "accepted" }) }).then((answer) => answer.status)`, imported)))
		require.Zero(t, importedVisitors(t, s.System, site))

		ben := s.open(t, width, name)
		ben.awaitText("rows are loaded and invisible until a reviewer accepts them")
		ben.clickNear("Import "+id, site)
		ben.click("Look at the rows")
		ben.awaitText("Visitors beside those of the site")
		ben.plotted(exported...)
		ben.shoot("second-person-review")
		ben.click("Accept")
		ben.awaitText("completed")
		require.EqualValues(t, exportedSum, importedVisitors(t, s.System, site))
		number, err := strconv.ParseInt(id, 10, 64)
		require.NoError(t, err)
		review, err := s.Store.Imports.ReviewOf(t.Context(), number)
		require.NoError(t, err)
		require.NotNil(t, review.Decision)
		require.Equal(t, importstore.Accepted, *review.Decision)
		require.Equal(t, name, review.DecidedBy)
		ben.requireChart(s, site)
		ada.requireNoFaults(http.StatusConflict)
		ben.requireNoFaults()
	})
}
