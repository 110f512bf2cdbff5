package notify

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"

	"github.com/sluicehq/sluice/destinations/smtp"
	importstore "github.com/sluicehq/sluice/store/importing"
)

//go:embed templates
var builtIn embed.FS

// DefaultSet is the set of templates for importers without a set of their own.
const DefaultSet = "default"

// kindOf returns the kind of mail that reports an event.
func kindOf(event string) string {
	switch event {
	case importstore.EventCompleted, importstore.EventUnchanged:
		return "success"
	case importstore.EventFailed:
		return "failure"
	case importstore.EventReviewWanted, importstore.EventReviewReminder:
		return "review"
	case importstore.EventParked:
		return "parked"
	default:
		return "ended"
	}
}

func kinds() []string { return []string{"ended", "failure", "parked", "review", "success"} }

// Limits of the texts in a mail, in characters.
const (
	maxSubject = 200
	maxField   = 200
	maxReason  = 1000
)

const (
	textSuffix = ".txt.tmpl"
	htmlSuffix = ".html.tmpl"
	partials   = "partials"
)

// Templates are the templates of mails, in sets, one per folder: the one named by an importer's
// EmailTemplate, and "default" for missing templates. For each of success, failure, parked, review
// and ended, a set has a <kind>.txt.tmpl, which also defines the template "subject", and a
// <kind>.html.tmpl. Their data is a View; they may use the definitions of partials.txt.tmpl and
// partials.html.tmpl of the default set.
type Templates struct {
	text map[string]*texttemplate.Template
	html map[string]*htmltemplate.Template
	// setOf returns the name of an importer's set.
	setOf func(source string) string
	// builtIn are the templates without those of folders, nil if there are no folders.
	builtIn *Templates
}

// LoadTemplates loads the built-in templates and then those of the folders: a template replaces one
// of the same name in an earlier folder. setOf returns the set of an importer, given its name. The
// error lists every fault of the first folder with faults.
func LoadTemplates(setOf func(source string) string, folders ...fs.FS) (*Templates, error) {
	t := &Templates{
		text: map[string]*texttemplate.Template{}, html: map[string]*htmltemplate.Template{}, setOf: setOf,
	}
	if len(folders) > 0 {
		var err error
		if t.builtIn, err = LoadTemplates(setOf); err != nil {
			return nil, err
		}
	}
	root, err := fs.Sub(builtIn, "templates")
	if err != nil {
		return nil, fmt.Errorf("open the built-in templates: %w", err)
	}
	for _, folder := range append([]fs.FS{root}, folders...) {
		if err == nil {
			err = t.loadFolder(folder)
		}
	}
	if err == nil {
		err = t.try()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// loadFolder loads the sets of one file system over the loaded ones.
func (t *Templates) loadFolder(root fs.FS) error {
	files, err := fs.Glob(root, "*/*.tmpl")
	if err != nil {
		return fmt.Errorf("find templates: %w", err)
	}
	// Other templates use the partials.
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Or(order(a)-order(b), strings.Compare(a, b))
	})
	var faults []error
	for _, name := range files {
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return fmt.Errorf("read template %s: %w", name, err)
		}
		faults = append(faults, t.parse(name, string(content)))
	}
	return errors.Join(faults...)
}

func order(name string) int {
	if strings.HasPrefix(path.Base(name), partials+".") {
		return 0
	}
	return 1
}

func (t *Templates) parse(name, content string) error {
	key, isText := strings.CutSuffix(name, textSuffix)
	key, isHTML := strings.CutSuffix(key, htmlSuffix)
	kind := path.Base(key)
	if !isText && !isHTML || kind != partials && !slices.Contains(kinds(), kind) {
		return fmt.Errorf("template %s: want %s with %s or %s", name, strings.Join(kinds(), ", "), textSuffix, htmlSuffix)
	}
	if isText {
		base := texttemplate.New(name).Option("missingkey=error")
		if common := t.text[DefaultSet+"/"+partials]; common != nil {
			var err error
			if base, err = common.Clone(); err != nil {
				return fmt.Errorf("template %s: %w", name, err)
			}
			base = base.New(name)
		}
		parsed, err := base.Parse(content)
		if err == nil && kind != partials && parsed.Lookup("subject") == nil {
			err = errors.New(`it does not define the template "subject"`)
		}
		if err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
		t.text[key] = parsed
		return nil
	}
	base := htmltemplate.New(name).Option("missingkey=error")
	if common := t.html[DefaultSet+"/"+partials]; common != nil {
		var err error
		if base, err = common.Clone(); err != nil {
			return fmt.Errorf("template %s: %w", name, err)
		}
		base = base.New(name)
	}
	parsed, err := base.Parse(content)
	if err != nil {
		return fmt.Errorf("template %s: %w", name, err)
	}
	t.html[key] = parsed
	return nil
}

// try renders every template once, so that faults are found at the start instead of at the first
// notification.
func (t *Templates) try() error {
	var faults []error
	for key := range t.text {
		if path.Base(key) != partials {
			_, err := t.render(key, "", View{})
			faults = append(faults, err)
		}
	}
	for key := range t.html {
		if path.Base(key) != partials {
			_, err := t.render("", key, View{})
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Rendered is the text of a mail.
type Rendered struct {
	// Subject is a single line.
	Subject string
	// Text and HTML are two forms of the same text.
	Text, HTML string
}

// Render renders the mail about an announcement. The subject is one line and the HTML escapes all
// texts, whatever the announcement contains. If a custom template fails for the announcement, the
// built-in one replaces it, and err is the failure.
func (t *Templates) Render(a importstore.Announcement) (r Rendered, err error) {
	kind := kindOf(a.Event)
	set := t.setOf(a.Import.Source)
	text, html := set+"/"+kind, set+"/"+kind
	if t.text[text] == nil {
		text = DefaultSet + "/" + kind
	}
	if t.html[html] == nil {
		html = DefaultSet + "/" + kind
	}
	view := viewOf(a)
	if r, err = t.render(text, html, view); err == nil || t.builtIn == nil {
		return r, err
	}
	r, again := t.builtIn.render(DefaultSet+"/"+kind, DefaultSet+"/"+kind, view)
	return r, errors.Join(err, again)
}

// render executes the templates. Missing keys are omitted.
func (t *Templates) render(text, html string, v View) (r Rendered, err error) {
	var out bytes.Buffer
	if text != "" {
		if err := t.text[text].ExecuteTemplate(&out, "subject", v); err != nil {
			return Rendered{}, fmt.Errorf("write the mail's subject: %w", err)
		}
		r.Subject = smtp.Line(out.String(), maxSubject)
		out.Reset()
		if err := t.text[text].Execute(&out, v); err != nil {
			return Rendered{}, fmt.Errorf("write the mail's text: %w", err)
		}
		r.Text = storable(strings.TrimSpace(out.String()) + "\n")
		out.Reset()
	}
	if html != "" {
		if err := t.html[html].Execute(&out, v); err != nil {
			return Rendered{}, fmt.Errorf("write the mail's HTML: %w", err)
		}
		r.HTML = storable(out.String())
	}
	return r, nil
}
