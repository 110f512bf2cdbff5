package pages

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
)

// visit is a request for a page, or from a form of a page.
type visit struct {
	pages *Pages
	w     http.ResponseWriter
	r     *http.Request
	// who is signed in. The zero value is a reader who is not signed in.
	who access.Principal
	// begin are the values that the fields of a form begin with, by their names.
	begin url.Values
}

// loader returns what a page shows: its template's .Data.
type loader func(v *visit) (any, error)

// page adds a page. Its pattern is "GET path", and its template the file of that name.
func (p *Pages) page(pattern, template string, load loader) {
	p.paths[template] = strings.TrimPrefix(pattern, "GET ")
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		p.signedIn(w, r, func(v *visit) { v.show(template, load, nil) })
	})
}

// maxForm bounds a form without files, in bytes.
const maxForm = 1 << 20

// action adds what a form does. Its pattern is "POST path"; do returns the path to continue at. If the API refuses the
// operation, the page with the form is shown again.
func (p *Pages) action(pattern, template string, load loader, do func(v *visit) (path string, err error)) {
	p.form(pattern, func(v *visit) {
		path, err := do(v)
		if v.refused(err, template, load) {
			return
		}
		http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	})
}

// form adds what a form does once it is read.
func (p *Pages) form(pattern string, do func(v *visit)) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		p.signedIn(w, r, func(v *visit) {
			if err := v.parseForm(); err != nil {
				v.fail(err)
				return
			}
			do(v)
		})
	})
}

// refused answers with the page of a form again if the API has refused its operation, or with the error, and reports
// whether there was one.
func (v *visit) refused(err error, template string, load loader) bool {
	var problem *api.Problem
	switch {
	case errors.As(err, &problem) && problem.Status != http.StatusUnauthorized:
		v.show(template, load, problem)
	case err != nil:
		v.fail(err)
	}
	return err != nil
}

// result adds what a form shows instead of its page, without a change of anything.
func (p *Pages) result(pattern, template string, load loader) {
	p.form(pattern, func(v *visit) { v.show(template, load, nil) })
}

// wildcard is a part of a pattern that stands for a part of the path.
var wildcard = regexp.MustCompile(`\{(\w+)\}`)

// path returns the path of the page: after a form that was refused, that of the page that the form is on.
func (v *visit) path(template string) string {
	pattern, known := v.pages.paths[template]
	if v.r.Method != http.MethodPost || !known {
		return v.r.URL.Path
	}
	return wildcard.ReplaceAllStringFunc(pattern, func(name string) string {
		return v.r.PathValue(strings.Trim(name, "{}"))
	})
}

// at returns a path, here or at the API, in which wildcards have their values in the request's path.
func (v *visit) at(pattern string) string {
	return wildcard.ReplaceAllStringFunc(pattern, func(name string) string {
		return url.PathEscape(v.r.PathValue(strings.Trim(name, "{}")))
	})
}

// subject is one thing with a page and commands. path is that of the thing, here and at the API, with wildcards.
type subject struct {
	pages          *Pages
	path, template string
	load           loader
}

// command adds a command, whose form is on the page. The page is shown afterwards.
func (s subject) command(name string, do func(v *visit) error) {
	s.pages.action("POST "+s.path+"/"+name, s.template, s.load, func(v *visit) (string, error) {
		return v.at(s.path), do(v)
	})
}

// commands adds commands that have the same paths at the API, and take a reason.
func (s subject) commands(names ...string) {
	for _, name := range names {
		s.command(name, func(v *visit) error { return v.sendReason(v.at(s.path + "/" + name)) })
	}
}

// deletion adds the deletion, after which the page back is shown.
func (s subject) deletion(back string) {
	s.pages.action("POST "+s.path+"/delete", s.template, s.load, func(v *visit) (string, error) {
		return back, v.send(http.MethodDelete, v.at(s.path), nil, nil)
	})
}

// reveal adds what a form creates and shows this once: there is no path to come back to. do returns what the template
// shown has. If the API refuses the operation, the page with the form is shown again.
func (p *Pages) reveal(pattern, template string, load loader, shown string, do func(v *visit) (any, error)) {
	p.form(pattern, func(v *visit) {
		created, err := do(v)
		if v.refused(err, template, load) {
			return
		}
		v.render(http.StatusOK, shown, created, nil)
	})
}

// noData is the loader of a page that shows nothing but its form.
func noData(*visit) (any, error) { return struct{}{}, nil }

// value returns a field of the form, else a parameter of the query.
func (v *visit) value(name string) string {
	if v.r.PostForm.Has(name) {
		return v.r.PostForm.Get(name)
	}
	return v.r.URL.Query().Get(name)
}

// parseForm reads a form. A form with files is read by its action, bit by bit.
func (v *visit) parseForm() error {
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/") {
		return nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	err := v.r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &api.Problem{
			Title: "The form is too large", Status: http.StatusRequestEntityTooLarge,
			Detail: "A form has at most " + strconv.Itoa(maxForm) + " bytes.",
		}
	case err != nil:
		return &api.Problem{
			Title: "The form cannot be read", Status: http.StatusBadRequest, Detail: "Send it again from its page.",
		}
	}
	return nil
}

// signInPath is the path of the page to sign in at.
const signInPath = "/login"

// signedIn calls serve with who the browser is signed in as, or sends it to sign in.
func (p *Pages) signedIn(w http.ResponseWriter, r *http.Request, serve func(v *visit)) {
	v := &visit{pages: p, w: w, r: r}
	who, err := p.cfg.Authenticator.Authenticate(r)
	if err != nil {
		v.fail(err)
		return
	}
	v.who = who
	serve(v)
}

// show answers with a page, beside the problem of the action before, if there was one.
func (v *visit) show(template string, load loader, problem *api.Problem) {
	data, err := load(v)
	if err != nil {
		v.fail(err)
		return
	}
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	v.render(status, template, data, problem)
}

// fail answers with the page of an error.
func (v *visit) fail(err error) {
	if errors.Is(err, access.ErrUnauthenticated) {
		v.signIn()
		return
	}
	var problem *api.Problem
	if !errors.As(err, &problem) {
		v.pages.cfg.Logger.Error("page failed", "path", v.r.Pattern, "error", err)
		problem = &api.Problem{
			Title: "The page cannot be shown", Status: http.StatusInternalServerError,
			Detail: "The log of the server has the error.",
		}
	}
	if problem.Status == http.StatusUnauthorized {
		v.signIn()
		return
	}
	if after := problem.GetHeaders().Get("Retry-After"); after != "" {
		v.w.Header().Set("Retry-After", after)
	}
	v.render(problem.Status, "problem", problem, nil)
}

// signIn sends the browser to sign in, and back afterwards.
func (v *visit) signIn() {
	target := signInPath
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		target += "?" + url.Values{"next": {v.r.URL.RequestURI()}}.Encode()
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
}

// view is what layout.html shows.
type view struct {
	// Data is of the page.
	Data any
	// Problem is why the action before was refused, or nil.
	Problem *api.Problem
	// Form has what was typed into the form that led here, or what its fields begin with.
	Form url.Values
	// Who is signed in; Local means that this is because of the machine, without an account.
	Who   access.Principal
	Local bool
	Nav   []navGroup
	// Path and Query are those of the page.
	Path  string
	Query url.Values
	// Live means that the scripts of the build tag assets are there.
	Live       bool
	TemporalUI string
}

// SignedIn tells whether the reader is signed in.
func (v view) SignedIn() bool { return v.Who.Kind != "" }

// Can tells whether the reader's role has a permission.
func (v view) Can(need string) bool { return v.Who.Role.Allows(access.Permission(need)) }

// Typed returns what was typed into a field of a form that was refused, or what it begins with, else value.
func (v view) Typed(field string, value any) any {
	if v.Form.Has(field) {
		return v.Form.Get(field)
	}
	return value
}

// Export returns the path of the file of a list with the filters of the page.
func (v view) Export(list string) string {
	query := url.Values{}
	maps.Copy(query, v.Query)
	query.Del("after")
	return (&url.URL{Path: exportPath + list, RawQuery: query.Encode()}).String()
}

// With returns the path of the page with parameters of its query replaced, given as name, value, name, value. An empty
// value removes one. The cursor of a list never survives.
func (v view) With(pairs ...string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("want pairs of name and value")
	}
	query := url.Values{}
	maps.Copy(query, v.Query)
	query.Del("after")
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			query.Del(pair[0])
			continue
		}
		query[pair[0]] = []string{pair[1]}
	}
	return (&url.URL{Path: v.Path, RawQuery: query.Encode()}).String(), nil
}

// render answers with a template. It is rendered whole first: an answer is never half a page.
func (v *visit) render(status int, template string, data any, problem *api.Problem) {
	shown := view{
		Data: data, Problem: problem, Who: v.who, Local: v.who.Kind == access.KindLocal, Nav: v.pages.navOf(v.who),
		Path: v.path(template), Query: v.r.URL.Query(), Live: v.pages.assets.live, TemporalUI: v.pages.cfg.TemporalUI,
		Form: v.begin,
	}
	if v.r.Method == http.MethodPost && len(v.r.PostForm) > 0 {
		shown.Form = v.r.PostForm
	}
	var out bytes.Buffer
	if err := v.pages.templates[template].ExecuteTemplate(&out, "layout", shown); err != nil {
		v.pages.cfg.Logger.Error("page failed", "template", template, "error", err)
		http.Error(v.w, "The page cannot be shown. The log of the server has the error.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	// The browser may have gone.
	_, _ = out.WriteTo(v.w) //nolint:errcheck // see above
}

// missing answers for a path without a page.
func missing(v *visit) {
	v.fail(&api.Problem{
		Title: "There is no such page", Status: http.StatusNotFound,
		Detail: "The address is not one of a page: choose one from the navigation.",
	})
}
