package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/server/api"
)

// session adds the pages of people who sign in.
func (p *Pages) session() {
	p.open("GET "+signInPath, "login", loginPage)
	p.openAction("POST "+signInPath, "login", loginPage, logIn)
	p.open("GET /setup", "setup", noData)
	p.openAction("POST /setup", "setup", noData, setUp)
	p.page("GET /account", "account", p.accountPage)
	p.action("POST /account/password", "account", p.accountPage, changePassword)
	p.action("POST /logout", "account", p.accountPage, func(v *visit) (string, error) {
		return signInPath, v.send(http.MethodDelete, "/session", nil, nil)
	})
}

// open adds a page that everybody sees.
func (p *Pages) open(pattern, template string, load loader) {
	p.paths[template] = strings.TrimPrefix(pattern, "GET ")
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		(&visit{pages: p, w: w, r: r}).show(template, load, nil)
	})
}

// openAction is action for a page that everybody sees: a refused password is shown on it like any other problem.
func (p *Pages) openAction(pattern, template string, load loader, do func(v *visit) (path string, err error)) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{pages: p, w: w, r: r}
		path, err := "", v.parseForm()
		if err == nil {
			path, err = do(v)
		}
		var problem *api.Problem
		switch {
		case errors.As(err, &problem):
			if after := problem.GetHeaders().Get("Retry-After"); after != "" {
				w.Header().Set("Retry-After", after)
			}
			v.show(template, load, problem)
		case err != nil:
			v.fail(err)
		default:
			http.Redirect(w, r, path, http.StatusSeeOther)
		}
	})
}

// loginShown is the page to sign in at.
type loginShown struct {
	// Next is the path to continue at.
	Next string
}

func loginPage(v *visit) (any, error) { return loginShown{Next: ownPath(v.value("next"))}, nil }

// ownPath returns a path of this server with its query, "/" for any other address.
func ownPath(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.Contains(address, `\`) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

func logIn(v *visit) (string, error) {
	form := v.r.PostForm
	return ownPath(form.Get("next")), v.send(http.MethodPost, "/session", map[string]string{
		"name": strings.TrimSpace(form.Get("name")), "password": form.Get("password"),
	}, nil)
}

func setUp(v *visit) (string, error) {
	form := v.r.PostForm
	if err := typedTwice(form); err != nil {
		return "", err
	}
	// People paste the whole address.
	secret := form.Get("secret")
	if at := strings.LastIndexByte(secret, '#'); at >= 0 {
		secret = secret[at+1:]
	}
	return "/", v.send(http.MethodPost, "/setup", map[string]string{
		"secret": strings.TrimSpace(secret), "name": strings.TrimSpace(form.Get("name")), "password": form.Get("password"),
	}, nil)
}

// typedTwice returns a problem unless a new password was typed twice.
func typedTwice(form url.Values) error {
	if form.Get("password") != form.Get("again") {
		return invalid("again", "the two passwords differ")
	}
	return nil
}

// accountShown is the page of who is signed in.
type accountShown struct {
	api.Session
	// Changed means that the password was changed.
	Changed bool
}

func (p *Pages) accountPage(v *visit) (any, error) {
	session, err := get[api.Session](v, "/session", nil)
	return accountShown{Session: session, Changed: v.r.URL.Query().Has("changed")}, err
}

func changePassword(v *visit) (string, error) {
	form := v.r.PostForm
	if err := typedTwice(form); err != nil {
		return "", err
	}
	return "/account?changed", v.send(http.MethodPut, "/session/password", map[string]string{
		"present": form.Get("present"), "password": form.Get("password"),
	}, nil)
}
