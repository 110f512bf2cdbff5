package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	accessclient "github.com/sluicehq/sluice/starter/access"
)

var tokenPrefix = regexp.MustCompile(`sluice_[a-z2-7]{8}`)

// accessShell is a shell of the user ann with the site example.com.
func accessShell(t *testing.T) shell {
	t.Helper()
	s := ingestSite(t)
	s.environ = append(s.environ, "USER=ann")
	return s
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := accessShell(t)
	require.Equal(t, "No tokens found. Create one with `sluice token create`.\n", s.ok(t, "token", "list"))
	created := s.run(t, "token", "create", "--name", "ci", "--role", "operator", "--site", "example.com")
	require.Zero(t, created.code, created.err)
	secret := strings.TrimSuffix(created.out, "\n")
	require.Regexp(t, `^sluice_[a-z2-7]{8}_[A-Za-z0-9_-]{43}$`, secret)
	require.Regexp(t, `^created token ci: operator of example\.com, expires 2\d{3}-.*; it is shown this once\n$`, created.err)
	var view struct {
		tokenJSON
		Token string `json:"token"`
	}
	s.json(t, &view, "token", "create", "--name", "grafana", "--role", "viewer", "--expires", "never")
	require.True(t, strings.HasPrefix(view.Token, view.Prefix+"_"))
	require.Nil(t, view.ExpiresAt)
	require.Nil(t, view.Sites)
	require.Equal(t, "ann", view.CreatedBy)
	s.fails(t, "create token ci: a valid token has this name: revoke it first, or choose another name: taken already",
		"token", "create", "--name", "ci", "--role", "viewer")
	s.fails(t, "create token x: site none.example: not found: see `sluice site list`",
		"token", "create", "--name", "x", "--role", "viewer", "--site", "none.example")
	require.Equal(t, "revoked token ci ("+secret[:15]+")\n", s.ok(t, "token", "revoke", "ci"))
	s.fails(t, `revoke token "none": not found`+": see `sluice token list`", "token", "revoke", "none")

	list := s.ok(t, "token", "list")
	require.NotContains(t, list, secret)
	golden(t, "token-list", tokenPrefix.ReplaceAllString(list, "sluice_aaaaaaaa"))
	var tokens []tokenJSON
	s.json(t, &tokens, "token", "list")
	require.Len(t, tokens, 2)
	require.NotNil(t, tokens[0].RevokedAt)
	require.WithinDuration(t, time.Now().Add(90*24*time.Hour), *tokens[0].ExpiresAt, time.Hour)
	require.Equal(t, []string{"example.com"}, tokens[0].Sites)
	for filter, want := range map[string][]string{
		"--state revoked": {"ci"}, "--state valid": {"grafana"}, "--role viewer": {"grafana"}, "--text GRAF": {"grafana"},
		"--site example.com": {"ci", "grafana"}, "--site other.example": {"grafana"}, "--role operator --state valid": {},
	} {
		s.json(t, &tokens, append([]string{"token", "list"}, strings.Fields(filter)...)...)
		names := []string{}
		for _, token := range tokens {
			names = append(names, token.Name)
		}
		require.Equal(t, want, names, filter)
	}
	require.Equal(t, "No tokens match --state.\n", s.ok(t, "token", "list", "--state", "expired"))
	s.fails(t, "--state gone: want one of valid, expired, revoked", "token", "list", "--state", "gone")
	s.fails(t, `--role: unknown role "none" (want viewer, operator, reviewer or admin)`, "token", "list", "--role", "none")
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := accessShell(t)
	require.Equal(t, "No accounts found. Create one with `sluice account create NAME`.\n", s.ok(t, "account", "list"))
	const password = "correct horse battery"
	s.stdin = password + "\n"
	require.Equal(t, "created account ann: admin of all sites\n", s.ok(t, "account", "create", "ann", "--role", "admin"))
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(password+"\r\n"), 0o600))
	require.Equal(t, "created account bob: reviewer of example.com\n",
		s.ok(t, "account", "create", "bob", "--role", "reviewer", "--site", "example.com", "--password-file", file))
	s.fails(t, "create account bob: taken already", "account", "create", "bob", "--role", "viewer")
	require.Equal(t, "changed account bob: operator of all sites\n",
		s.ok(t, "account", "set", "bob", "--role", "operator", "--all-sites"))
	require.Equal(t, "changed account bob: operator of example.com\n", s.ok(t, "account", "set", "bob", "--site", "example.com"))
	require.Equal(t, "disabled account bob; its sessions have ended\n", s.ok(t, "account", "disable", "bob"))
	golden(t, "account-list", s.ok(t, "account", "list"))
	var found []accountJSON
	s.json(t, &found, "account", "list", "--state", "disabled", "--role", "operator", "--site", "example.com")
	require.Len(t, found, 1)
	require.Equal(t, "bob", found[0].Name)
	require.Equal(t, "No accounts match --state, --text.\n", s.ok(t, "account", "list", "--state", "disabled", "--text", "ann"))
	require.Equal(t, "enabled account bob\n", s.ok(t, "account", "disable", "bob", "--undo"))
	s.fails(t, `change account "ann": it is the last administrator of all sites: create another one first: not possible in this state`,
		"account", "disable", "ann")
	require.Equal(t, "set the password of account bob; its sessions have ended\n",
		s.ok(t, "account", "reset-password", "bob", "--password-file", "-"))
	s.fails(t, `account "eve": not found`+": see `sluice account list`", "account", "reset-password", "eve")
	var accounts []accountJSON
	s.json(t, &accounts, "account", "list")
	require.Len(t, accounts, 2)
	require.Nil(t, accounts[1].DisabledAt)
	require.Equal(t, "ann", accounts[1].CreatedBy)

	s.stdin = "short"
	r := s.run(t, "account", "create", "eve", "--role", "viewer")
	require.Equal(t, exitUsage, r.code)
	require.Equal(t, "sluice: invalid password: want at least 12 characters\n", r.err)
	s.stdin = ""
	s.fails(t, "the password is empty: want it on standard input, or in the file of --password-file",
		"account", "create", "eve", "--role", "viewer")
}

func TestMistakesAboutAccess(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"token create --role viewer":                            "--name is missing: want a name, such as that of the service",
		"token create --name ci":                                "--role is missing: want viewer, operator, reviewer or admin",
		"token create --name ci --role ingest":                  `--role: unknown role "ingest" (want viewer, operator, reviewer or admin)`,
		"token create --name ci --role viewer --expires 1s":     `--expires "1s": want days such as 90d, a duration of at least 1m such as 12h, or never`,
		"token create --name ci --role viewer --expires 99999d": `--expires "99999d": want days such as 90d, a duration of at least 1m such as 12h, or never`,
		"token create --name ci --role viewer --site=":          "--site is empty: want the domain of a site (see `sluice site list`)",
		"token revoke":                                         "want one argument, the name or the prefix of a token, got none: see `sluice token revoke --help`",
		"account create Ann --role viewer":                     `invalid account name "Ann": want 1 to 100 lower-case letters, digits and . _ @ + -`,
		"account set ann":                                      "nothing to change: want --role, --site or --all-sites, see `sluice account set --help`",
		"account set ann --site a --all-sites":                 "--site and --all-sites exclude each other",
		"account disable":                                      "want one argument, the name of an account, got none: see `sluice account disable --help`",
		"account create ann --role viewer --password-file /no": "read the password: open /no: no such file or directory",
		"audit list --limit 0":                                 "--limit 0: want 1 to 1000",
		"audit list --before x":                                `--before "x": want the ID of an entry`,
		"audit list x":                                         "unexpected argument \"x\": see `sluice audit list --help`",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, want, strings.Fields(line)...)
		})
	}
}

func TestAuditList(t *testing.T) {
	t.Parallel()
	s := accessShell(t)
	require.Equal(t, "No changes match --who.\n", s.ok(t, "audit", "list", "--who", "eve"))
	s.ok(t, "token", "create", "--name", "ci", "--role", "operator")
	s.ok(t, "token", "revoke", "ci")
	s.ok(t, "site", "key", "create", "example.com", "--label", "shop")
	golden(t, "audit-list", tokenPrefix.ReplaceAllString(s.ok(t, "audit", "list", "--who", "ann", "--since", "1h"), "sluice_aaaaaaaa"))
	var all, first, rest []accessclient.AuditEntry
	s.json(t, &all, "audit", "list", "--operation", "token.revoke")
	require.Len(t, all, 1)
	require.Equal(t, "ci", all[0].SubjectID)
	require.Contains(t, string(all[0].Before), `"role": "operator"`)
	require.Contains(t, string(all[0].After), `"revoked_at": "2`)
	s.json(t, &all, "audit", "list", "--site", "example.com", "--operation", "site.key.create")
	require.Len(t, all, 1)
	require.Equal(t, "key", all[0].SubjectType)
	s.json(t, &first, "audit", "list", "--subject-type", "token", "--limit", "1")
	require.Len(t, first, 1)
	require.Contains(t, s.ok(t, "audit", "list", "--subject-type", "token", "--limit", "1"), "There may be more: continue with --before")
	s.json(t, &rest, "audit", "list", "--subject", "ci", "--before", strconv.FormatInt(first[0].ID, 10), "--until", "0s")
	require.Len(t, rest, 1)
	require.Equal(t, "token.create", rest[0].Operation)
}

// Every command about access survives an outage of the store at each of its statements, and none that fails has changed anything.
func TestOutagesOfAccess(t *testing.T) {
	t.Parallel()
	s := accessShell(t)
	o := s.throughOutages(t)
	o.stdin = "correct horse battery"
	o.meetStore(t, "token create --name ci --role viewer --site example.com", "token list", "token revoke ci",
		"account create bob --role viewer", "account list", "account set bob --role operator", "account disable bob",
		"account reset-password bob", "audit list")
	s.meetFullDisk(t, "token list", "account list", "audit list")
	var entries []accessclient.AuditEntry
	s.json(t, &entries, "audit", "list", "--subject", "bob")
	operations := make([]string, len(entries))
	for i, e := range entries {
		operations[i] = e.Operation
	}
	require.Equal(t, []string{"account.reset_password", "account.disable", "account.set", "account.create"}, operations)
}
