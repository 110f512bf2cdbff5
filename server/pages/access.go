package pages

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/server/api"
	accessclient "github.com/sluicehq/sluice/starter/access"
)

// access adds the pages of tokens, accounts and the audit.
func (p *Pages) access() {
	p.nav("Access", "/accounts", "Accounts", access.PermissionAdminister, true)
	p.page("GET /accounts", "accounts", p.accountsPage)
	p.action("POST /accounts", "accounts", p.accountsPage, createAccount)
	p.action("POST /accounts/{account}", "accounts", p.accountsPage, changeAccount)
	p.action("POST /accounts/{account}/disable", "accounts", p.accountsPage, disableAccount(true))
	p.action("POST /accounts/{account}/enable", "accounts", p.accountsPage, disableAccount(false))
	p.nav("Access", "/tokens", "Tokens", access.PermissionAdminister, true)
	p.page("GET /tokens", "tokens", p.tokensPage)
	p.reveal("POST /tokens", "tokens", p.tokensPage, "token_created", createToken)
	p.action("POST /tokens/{token}/revoke", "tokens", p.tokensPage, func(v *visit) (string, error) {
		return "/tokens", v.send(http.MethodDelete, v.at("/tokens/{token}"), nil, nil)
	})
	p.nav("Access", "/audit", "Audit", access.PermissionAdminister, true)
	p.page("GET /audit", "audit", p.auditPage)
}

// roleNames are the roles of people and services.
func roleNames() []string {
	return convert.Slice(access.Roles(), func(r access.Role) string { return string(r) })
}

// typedScope returns the scope of a form: the box all_sites, or the domains in sites, separated by spaces or commas.
func typedScope(form url.Values) api.Scope {
	domains := strings.FieldsFunc(form.Get("sites"), func(r rune) bool { return strings.ContainsRune(", \r\n", r) })
	return api.Scope{AllSites: form.Has("all_sites"), Sites: domains}
}

// accessFilters are the filters of tokens and accounts.
var accessFilters = []string{"text", "role", "site", "state"}

// accountList is the page of accounts.
type accountList struct {
	List[api.Account]
	Roles []string
}

func (p *Pages) accountsPage(v *visit) (any, error) {
	list, err := getPage[api.Account](v, "/accounts", accessFilters...)
	return accountList{List: list, Roles: roleNames()}, err
}

func createAccount(v *visit) (string, error) {
	form := v.r.PostForm
	if err := typedTwice(form); err != nil {
		return "", err
	}
	scope := typedScope(form)
	return "/accounts", v.send(http.MethodPost, "/accounts", map[string]any{
		"name": strings.TrimSpace(form.Get("name")), "password": form.Get("password"), "role": form.Get("role"),
		"all_sites": scope.AllSites, "sites": scope.Sites,
	}, nil)
}

func changeAccount(v *visit) (string, error) {
	form := v.r.PostForm
	change := map[string]any{"role": form.Get("role"), "scope": typedScope(form)}
	if password := form.Get("password"); password != "" {
		if err := typedTwice(form); err != nil {
			return "", err
		}
		change["password"] = password
	}
	return "/accounts", v.send(http.MethodPatch, accountPath(v), change, nil)
}

func disableAccount(disabled bool) func(v *visit) (string, error) {
	return func(v *visit) (string, error) {
		return "/accounts", v.send(http.MethodPatch, accountPath(v), map[string]bool{"disabled": disabled}, nil)
	}
}

func accountPath(v *visit) string { return v.at("/accounts/{account}") }

// tokenList is the page of tokens.
type tokenList struct {
	List[api.Token]
	Roles []string
}

func (p *Pages) tokensPage(v *visit) (any, error) {
	list, err := getPage[api.Token](v, "/tokens", accessFilters...)
	return tokenList{List: list, Roles: roleNames()}, err
}

func createToken(v *visit) (any, error) {
	form := v.r.PostForm
	days, err := strconv.ParseInt(form.Get("days"), 10, 32)
	if err != nil || days < 0 {
		return nil, invalid("days", "want a whole number of days, or 0 for a token that does not expire")
	}
	scope := typedScope(form)
	var created api.CreatedToken
	err = v.send(http.MethodPost, "/tokens", map[string]any{
		"name": strings.TrimSpace(form.Get("name")), "role": form.Get("role"), "life_seconds": days * 24 * 60 * 60,
		"all_sites": scope.AllSites, "sites": scope.Sites,
	}, &created)
	return created, err
}

// auditFilters are the filters of the audit beside the days.
var auditFilters = []string{"site", "who", "operation", "subject_type", "subject", "after"}

// auditShown is the page of the audit.
type auditShown struct {
	List[accessclient.AuditEntry]
}

// JSON returns what a subject was or became, "" for nothing.
func (auditShown) JSON(document json.RawMessage) (string, error) {
	if len(document) == 0 || string(document) == "null" {
		return "", nil
	}
	return indented(document)
}

// auditQuery returns the filters of the page of the audit as parameters of the API.
func auditQuery(v *visit) (url.Values, error) {
	given, query := v.r.URL.Query(), v.passed(auditFilters...)
	// Days are those of UTC; the last one is included.
	for _, day := range []struct {
		name string
		add  int
	}{{"since", 0}, {"until", 1}} {
		if given.Get(day.name) == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, given.Get(day.name))
		if err != nil {
			return nil, invalid(day.name, "want a day, such as 2026-01-31")
		}
		query.Set(day.name, at.AddDate(0, 0, day.add).Format(time.RFC3339))
	}
	return query, nil
}

func (p *Pages) auditPage(v *visit) (any, error) {
	query, err := auditQuery(v)
	if err != nil {
		return nil, err
	}
	list, err := get[List[accessclient.AuditEntry]](v, "/audit", query)
	return auditShown{List: list}, err
}
