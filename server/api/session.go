package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// tagSession is the resource of the session in the document.
const tagSession = "session"

// SessionCookie is the name of the cookie of a session.
const SessionCookie = "sluice_session"

// maxLogins is the number of passwords that a server checks or waits to check at a time. Others are answered with 503,
// so that they do not take the requests of maxRequests.
const maxLogins = 16

// session adds the operations of people who sign in.
func (a *API) session() {
	register(a, operation{
		id: "log-in", method: http.MethodPost, path: "/session", tag: tagSession, audience: audienceEverybody, noKey: true,
		summary: "Sign in with the name and the password of an account",
		description: "Sets the cookie of a session. The answer is the same, after the same time, for an unknown account, a " +
			"disabled one and a wrong password. After 10 failures for an account, or 30 from an address, within 15 minutes " +
			"further ones are refused until `Retry-After`.",
		problems: []problemType{problemUnauthenticated, problemAttempts},
	}, a.logIn)
	register(a, operation{
		id: "show-session", method: http.MethodGet, path: "/session", tag: tagSession, audience: audiencePrincipals,
		summary: "Show who the request is from",
	}, a.showSession)
	register(a, operation{
		id: "log-out", method: http.MethodDelete, path: "/session", tag: tagSession, audience: audiencePrincipals,
		summary: "Sign out", problems: []problemType{problemConflict},
		description: "Ends the session of the cookie and removes the cookie. A token has no session: revoke it instead.",
	}, a.logOut)
	register(a, operation{
		id: "change-password", method: http.MethodPut, path: "/session/password", tag: tagSession,
		audience: audiencePrincipals, summary: "Change the password of the account that is signed in",
		description: "Ends all sessions of the account and begins a new one, whose cookie the answer sets. A wrong present " +
			"password counts as a failure to sign in.",
		problems: []problemType{problemConflict, problemAttempts},
	}, a.changePassword)
	register(a, operation{
		id: "set-up", method: http.MethodPost, path: "/setup", tag: tagSession, audience: audienceEverybody, noKey: true,
		status: http.StatusCreated, summary: "Create the first administrator with the secret of a setup link, and sign in",
		description: "A server that starts without any account prints the link, which is valid once and for an hour.",
		problems:    []problemType{problemUnauthenticated, problemConflict},
	}, a.setUp)
}

// Session says who a request is from.
type Session struct {
	Name string `json:"name" doc:"Name of the token or the account."`
	Kind string `json:"kind" enum:"token,account,local" doc:"local: everybody on the machine of the server, while there is no account."`
	Role string `json:"role" enum:"viewer,operator,reviewer,admin,ingest"`
	Scope
	ExpiresAt *time.Time `json:"expires_at" doc:"When the token ends, or the session without further use; null for never."`
}

func sessionOf(p access.Principal) Session {
	s := Session{Name: p.Name, Kind: string(p.Kind), Role: string(p.Role), Scope: scopeOf(p.Sites)}
	if !p.ExpiresAt.IsZero() {
		s.ExpiresAt = new(p.ExpiresAt.UTC().Truncate(time.Second))
	}
	return s
}

type begunOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie" doc:"The cookie of the session."`
	Body      Session
}

type endedOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie" doc:"Removes the cookie of the session."`
}

// cookie returns the cookie of a session. Lax instead of Strict: a link to a page from an e-mail or a chat opens signed
// in. No other site can send it with a request that changes something; http.CrossOriginProtection refuses those too.
func (a *API) cookie(ctx context.Context, id string, life time.Duration) http.Cookie {
	r, _ := exchangeOf(ctx)
	return http.Cookie{ //nolint:gosec // Secure depends on the connection: the server speaks HTTP behind a proxy
		Name: SessionCookie, Value: id, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: a.cfg.Secure(r),
	}
}

// begun answers with a session that has begun.
func (a *API) begun(ctx context.Context, s accessclient.Session) *begunOutput {
	return &begunOutput{a.cookie(ctx, s.ID.Reveal(), accessstore.SessionLife), sessionOf(s.Principal)}
}

// passwordChecked runs what checks a password.
func (a *API) passwordChecked(
	ctx context.Context, begin func(ctx context.Context) (accessclient.Session, error),
) (*begunOutput, error) {
	if !a.logins.TryAcquire(1) {
		return nil, newProblem(problemBusy, "Other passwords are being checked: try again.")
	}
	defer a.logins.Release(1)
	s, err := begin(ctx)
	if errors.Is(err, access.ErrUnauthenticated) || errors.Is(err, accessstore.ErrAttempts) ||
		errors.Is(err, accessclient.ErrPassword) {
		// Names are left out: people type passwords into the wrong field.
		a.log.Warn("sign-in refused", "request_id", requestIDOf(ctx), "address", access.ActorFrom(ctx).Address, "error", err)
	}
	if err != nil {
		return nil, err
	}
	return a.begun(ctx, s), nil
}

type logInInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"200" example:"ann"`
		Password string `json:"password" maxLength:"2000" writeOnly:"true"`
	}
}

func (a *API) logIn(ctx context.Context, in *logInInput) (*begunOutput, error) {
	return a.passwordChecked(ctx, func(ctx context.Context) (accessclient.Session, error) {
		return a.access.Login(ctx, in.Body.Name, in.Body.Password)
	})
}

func (a *API) showSession(ctx context.Context, _ *struct{}) (*output[Session], error) {
	principal, _ := access.From(ctx)
	return answer(sessionOf(principal), nil)
}

func (a *API) logOut(ctx context.Context, _ *struct{}) (*endedOutput, error) {
	r, _ := exchangeOf(ctx)
	id := ""
	if cookie, err := r.Cookie(SessionCookie); err == nil {
		id = cookie.Value
	}
	if err := a.access.Logout(ctx, id); err != nil {
		return nil, err
	}
	return &endedOutput{a.cookie(ctx, "", -time.Second)}, nil
}

type changePasswordInput struct {
	Body struct {
		Present  string `json:"present" maxLength:"2000" writeOnly:"true" doc:"The present password."`
		Password string `json:"password" maxLength:"2000" writeOnly:"true" doc:"The new one: at least 12 characters."`
	}
}

func (a *API) changePassword(ctx context.Context, in *changePasswordInput) (*begunOutput, error) {
	out, err := a.passwordChecked(ctx, func(ctx context.Context) (accessclient.Session, error) {
		return a.access.ChangePassword(ctx, in.Body.Present, in.Body.Password)
	})
	switch {
	case errors.Is(err, accessclient.ErrPassword):
		return nil, invalidField("#/present", "it is not the present password of the account")
	case errors.Is(err, accessstore.ErrInvalid):
		return nil, invalidField("#/password", err.Error())
	default:
		return out, err
	}
}

type setUpInput struct {
	Body struct {
		Secret   string `json:"secret" maxLength:"200" writeOnly:"true" doc:"What the address that the server has printed ends with, after #."`
		Name     string `json:"name" minLength:"1" maxLength:"100" example:"ann" doc:"Lower-case letters, digits and . _ @ + -."`
		Password string `json:"password" maxLength:"2000" writeOnly:"true" doc:"At least 12 characters."`
	}
}

func (a *API) setUp(ctx context.Context, in *setUpInput) (*begunOutput, error) {
	return a.passwordChecked(ctx, func(ctx context.Context) (accessclient.Session, error) {
		return a.access.SetUp(ctx, in.Body.Secret, in.Body.Name, in.Body.Password)
	})
}
