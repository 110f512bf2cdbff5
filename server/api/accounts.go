package api

import (
	"context"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// tagAccounts is the resource of accounts in the document.
const tagAccounts = "accounts"

// accounts adds the operations of accounts and of the audit.
func (a *API) accounts() {
	register(a, operation{
		id: "list-accounts", method: http.MethodGet, path: "/accounts", tag: tagAccounts,
		summary: "List accounts by name", need: access.PermissionAdminister, reach: reachAll,
	}, a.listAccounts)
	register(a, operation{
		id: "create-account", method: http.MethodPost, path: "/accounts", tag: tagAccounts, status: http.StatusCreated,
		summary: "Create an account of a person", need: access.PermissionAdminister, reach: reachAll, noKey: true,
		problems: []problemType{problemTaken, problemLimit},
	}, a.createAccount)
	register(a, operation{
		id: "set-account", method: http.MethodPatch, path: "/accounts/{account}", tag: tagAccounts,
		summary: "Change the role, the sites or the password of an account, disable or enable it",
		need:    access.PermissionAdminister, reach: reachAll,
		description: "What is left out stays as it is. Another password and a disabled account end its sessions. Each " +
			"setting is a change of its own: after an error, earlier ones are in force.",
		problems: []problemType{problemConflict},
	}, a.setAccount)
	register(a, operation{
		id: "list-audit", method: http.MethodGet, path: "/audit", tag: "audit",
		summary: "List changes, newest first: who, what, when, from where and how", need: access.PermissionAdminister,
		reach: reachAll,
	}, a.listAudit)
}

// Account is a person.
type Account struct {
	Name string `json:"name"`
	Role string `json:"role"`
	Scope
	State       string     `json:"state" enum:"enabled,disabled"`
	CreatedBy   string     `json:"created_by"`
	CreatedAt   time.Time  `json:"created_at"`
	PasswordAt  time.Time  `json:"password_at" doc:"When the password was last changed."`
	DisabledAt  *time.Time `json:"disabled_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

func accountOf(row accessstore.Account) Account {
	return Account{
		Name: row.Name, Role: string(row.Role), Scope: scopeOf(row.Sites), CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt,
		State:      accessclient.AccountState(row),
		PasswordAt: row.PasswordAt, DisabledAt: row.DisabledAt, LastLoginAt: row.LastLoginAt,
	}
}

type listAccountsInput struct {
	Page
	AccessFilter
	State string `query:"state" enum:"enabled,disabled" doc:"Only those in this state."`
}

func (a *API) listAccounts(ctx context.Context, in *listAccountsInput) (*List[Account], error) {
	rows, err := a.access.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	all := convert.Slice(in.filter(in.State).Accounts(rows), accountOf)
	return namedPage(ctx, in.Page, all, func(one Account) string { return one.Name })
}

type createAccountInput struct {
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"100" example:"ann" doc:"Lower-case letters, digits and . _ @ + -."`
		Password string `json:"password" maxLength:"1000" writeOnly:"true"`
		Role     string `json:"role" enum:"viewer,operator,reviewer,admin"`
		Scope
	}
}

func (a *API) createAccount(ctx context.Context, in *createAccountInput) (*output[Account], error) {
	sites, err := in.Body.scope()
	if err != nil {
		return nil, err
	}
	row, err := a.access.CreateAccount(ctx, accessclient.NewAccount{
		Name: in.Body.Name, Password: in.Body.Password, Role: access.Role(in.Body.Role), Sites: sites,
	})
	return answer(accountOf(row), err)
}

type setAccountInput struct {
	Account string `path:"account" maxLength:"100" doc:"Name of the account."`
	Body    struct {
		Role     *string `json:"role,omitempty" enum:"viewer,operator,reviewer,admin"`
		Scope    *Scope  `json:"scope,omitempty"`
		Password *string `json:"password,omitempty" maxLength:"1000" writeOnly:"true"`
		Disabled *bool   `json:"disabled,omitempty"`
	}
}

func (a *API) setAccount(ctx context.Context, in *setAccountInput) (*output[Account], error) {
	var role *access.Role
	if in.Body.Role != nil {
		role = new(access.Role(*in.Body.Role))
	}
	var sites *access.Scope
	if in.Body.Scope != nil {
		scope, err := in.Body.Scope.scope()
		if err != nil {
			return nil, err
		}
		sites = &scope
	}
	client := a.access
	row, err := client.SetAccount(ctx, in.Account, role, sites)
	if err == nil && in.Body.Password != nil {
		row, err = client.ResetPassword(ctx, in.Account, *in.Body.Password)
	}
	if err == nil && in.Body.Disabled != nil {
		row, err = client.DisableAccount(ctx, in.Account, *in.Body.Disabled)
	}
	return answer(accountOf(row), err)
}

type listAuditInput struct {
	Page
	Site        string    `query:"site" maxLength:"253" doc:"Only changes of this site."`
	Who         string    `query:"who" maxLength:"200" doc:"Only changes by this actor."`
	Operation   string    `query:"operation" maxLength:"100" doc:"Only this operation, such as import.start."`
	SubjectType string    `query:"subject_type" maxLength:"100" doc:"Only changes of subjects of this type."`
	SubjectID   string    `query:"subject" maxLength:"300" doc:"Only changes of the subject of this ID or name."`
	Since       time.Time `query:"since" doc:"Only changes then or later."`
	Until       time.Time `query:"until" doc:"Only earlier changes."`
}

func (a *API) listAudit(ctx context.Context, in *listAuditInput) (*List[accessclient.AuditEntry], error) {
	filter := accessstore.AuditFilter{
		Site: in.Site, Who: in.Who, Operation: in.Operation, SubjectType: in.SubjectType, SubjectID: in.SubjectID,
		Since: in.Since, Until: in.Until,
	}
	return paged(ctx, in.Page, func(before int64, limit int) ([]accessclient.AuditEntry, error) {
		entries, err := a.access.Audit(ctx, filter, accessstore.Page{Before: before, Limit: int32(limit)})
		return convert.Slice(entries, accessclient.AuditEntryOf), err
	}, func(e accessclient.AuditEntry) int64 { return e.ID })
}
