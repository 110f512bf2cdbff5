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

// tagTokens is the resource of tokens in the document.
const tagTokens = "tokens"

// tokens adds the operations of tokens and of the keys of sites.
func (a *API) tokens() {
	register(a, operation{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", tag: tagTokens,
		summary: "List tokens by name, without keys of sites", need: access.PermissionAdminister, reach: reachAll,
		description: "Tokens that were revoked or have expired are listed for 90 days.",
	}, a.listTokens)
	register(a, operation{
		id: "create-token", method: http.MethodPost, path: "/tokens", tag: tagTokens, status: http.StatusCreated,
		summary: "Create a token, which is shown once", need: access.PermissionAdminister, reach: reachAll, noKey: true,
		problems: []problemType{problemTaken, problemLimit},
	}, a.createToken)
	register(a, operation{
		id: "revoke-token", method: http.MethodDelete, path: "/tokens/{token}", tag: tagTokens,
		summary: "Revoke a token; servers refuse it within a second", need: access.PermissionAdminister, reach: reachAll,
	}, a.revokeToken)
	register(a, operation{
		id: "list-site-keys", method: http.MethodGet, path: "/sites/{site}/keys", tag: tagSites,
		summary: "List the keys of a site's authorised senders", need: access.PermissionAdminister, reach: reachSite,
	}, a.listSiteKeys)
	register(a, operation{
		id: "create-site-key", method: http.MethodPost, path: "/sites/{site}/keys", tag: tagSites, status: http.StatusCreated,
		summary: "Create a key of an authorised sender, which is shown once", need: access.PermissionAdminister,
		reach: reachSite, noKey: true, problems: []problemType{problemLimit},
	}, a.createSiteKey)
	register(a, operation{
		id: "revoke-site-key", method: http.MethodDelete, path: "/sites/{site}/keys/{key}", tag: tagSites,
		summary: "Revoke a key of a site; servers refuse it within a second",
		need:    access.PermissionAdminister, reach: reachSite,
	}, a.revokeSiteKey)
}

// Scope is the scope of a token or an account.
type Scope struct {
	AllSites bool     `json:"all_sites,omitempty" doc:"All sites, and what belongs to no site."`
	Sites    []string `json:"sites,omitempty" maxItems:"1000" doc:"Domains of sites."`
}

// scope returns the scope, or a problem if it is empty or contradicts itself.
func (s Scope) scope() (access.Scope, error) {
	switch {
	case s.AllSites && len(s.Sites) > 0:
		return access.Scope{}, invalidField("#/sites", "want either all_sites or sites")
	case s.AllSites:
		return access.AllSites(), nil
	case len(s.Sites) == 0:
		return access.Scope{}, invalidField("#/sites", "want sites, or all_sites")
	default:
		return access.Sites(s.Sites...), nil
	}
}

func scopeOf(s access.Scope) Scope { return Scope{AllSites: s.All(), Sites: s.Domains()} }

// Token is a token without its secret.
type Token struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix" doc:"Beginning of the token, by which people recognise it."`
	Role   string `json:"role"`
	State  string `json:"state" enum:"valid,expired,revoked"`
	Scope
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"At most a minute late."`
}

func tokenOf(t accessstore.Token) Token {
	return Token{
		Name: t.Name, Prefix: t.Prefix, Role: string(t.Role), State: accessclient.TokenState(t, time.Now()),
		Scope: scopeOf(t.Sites), CreatedBy: t.CreatedBy,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, LastUsedAt: t.LastUsedAt,
	}
}

// AccessFilter are the filters of tokens and accounts.
type AccessFilter struct {
	Text string `query:"text" maxLength:"100" doc:"Only those with this text in their name or prefix."`
	Role string `query:"role" enum:"viewer,operator,reviewer,admin" doc:"Only those of this role."`
	Site string `query:"site" maxLength:"253" doc:"Only those that may see this site."`
}

// filter returns the filter to package starter/access.
func (f AccessFilter) filter(state string) accessclient.Filter {
	return accessclient.Filter{Text: f.Text, Role: access.Role(f.Role), Site: f.Site, State: state}
}

type listTokensInput struct {
	Page
	AccessFilter
	State string `query:"state" enum:"valid,expired,revoked" doc:"Only those in this state."`
}

func (a *API) listTokens(ctx context.Context, in *listTokensInput) (*List[Token], error) {
	rows, err := a.access.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	all := convert.Slice(in.filter(in.State).Tokens(rows, time.Now()), tokenOf)
	// Names may repeat: those of ended tokens are free again. Prefixes do not.
	return namedPage(ctx, in.Page, all, func(t Token) string { return t.Name + "\x00" + t.Prefix })
}

type createTokenInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"100" example:"ci" doc:"Letters, digits, dots, dashes and underscores."`
		Role string `json:"role" enum:"viewer,operator,reviewer,admin"`
		Scope
		LifeSeconds *int64 `json:"life_seconds,omitempty" minimum:"0" doc:"How long it is valid; 0 for ever. Defaults to 90 days."`
	}
}

// CreatedToken is a token with its secret.
type CreatedToken struct {
	Token
	Secret string `json:"secret" doc:"The token itself. It is shown this once."`
}

func (a *API) createToken(ctx context.Context, in *createTokenInput) (*output[CreatedToken], error) {
	sites, err := in.Body.scope()
	if err != nil {
		return nil, err
	}
	life := accessstore.DefaultTokenLife
	if in.Body.LifeSeconds != nil {
		life = time.Duration(*in.Body.LifeSeconds) * time.Second
	}
	token, secret, err := a.access.CreateToken(ctx, accessclient.NewToken{
		Name: in.Body.Name, Role: access.Role(in.Body.Role), Sites: sites, Life: life,
	})
	return answer(CreatedToken{tokenOf(token), secret.Reveal()}, err)
}

type tokenPath struct {
	Token string `path:"token" maxLength:"100" doc:"Name or prefix of the token."`
}

func (a *API) revokeToken(ctx context.Context, in *tokenPath) (*struct{}, error) {
	_, err := a.access.RevokeToken(ctx, in.Token)
	return nil, err
}

type siteKeysOutput struct {
	Body struct {
		Items []accessclient.SiteKey `json:"items" doc:"The oldest first, also keys that were revoked less than 90 days ago."`
	}
}

func (a *API) listSiteKeys(ctx context.Context, in *SitePath) (*siteKeysOutput, error) {
	keys, err := a.access.SiteKeys(ctx, in.Site)
	if err != nil {
		return nil, err
	}
	out := &siteKeysOutput{}
	out.Body.Items = convert.Slice(keys, accessclient.SiteKeyOf)
	return out, nil
}

// SiteKeyRequest is the body of create-site-key.
type SiteKeyRequest struct {
	Label string `json:"label,omitempty" maxLength:"100" doc:"What the key is for."`
}

type createSiteKeyInput struct {
	SitePath
	Body SiteKeyRequest
}

// CreatedSiteKey is a key with its secret.
type CreatedSiteKey struct {
	accessclient.SiteKey
	Secret string `json:"secret" doc:"The key itself. It is shown this once."`
}

func (a *API) createSiteKey(ctx context.Context, in *createSiteKeyInput) (*output[CreatedSiteKey], error) {
	key, secret, err := a.access.CreateSiteKey(ctx, in.Site, in.Body.Label)
	return answer(CreatedSiteKey{accessclient.SiteKeyOf(key), secret.Reveal()}, err)
}

type siteKeyPath struct {
	SitePath
	Key string `path:"key" maxLength:"100" doc:"Prefix of the key."`
}

func (a *API) revokeSiteKey(ctx context.Context, in *siteKeyPath) (*struct{}, error) {
	_, err := a.access.RevokeSiteKey(ctx, in.Site, in.Key)
	return nil, err
}
