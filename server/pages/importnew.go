package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// newImport adds the page that starts imports.
func (p *Pages) newImport() {
	p.page("GET /imports/new", "import_new", p.newImportPage)
	p.action("POST /imports/new/upload", "import_new", p.newImportPage, uploadFile)
	p.action("POST /imports/new/fetch", "import_new", p.newImportPage, fetchFile)
	p.result("POST /imports/new/dry-run", "import_new", p.dryRun)
	p.action("POST /imports/new", "import_new", p.newImportPage, startImport)
}

// importForm is the page of a new import: a site and a source are chosen first, then a file or arguments.
type importForm struct {
	Sites   []ingestclient.ListedSite
	Sources []api.Importer
	// Site and Source are those chosen, and Importer is the source.
	Site, Source string
	Importer     *api.Importer
	Upload       *api.Upload
	// Again is the ID of the import that the form begins with, "" without one.
	Again string
	// SecondApprover means that the requester of an import cannot accept it.
	SecondApprover bool
	// Report is the result of a dry run, or nil.
	Report *importacts.DryRunReport
	// Problem is why a dry run was refused, or nil.
	Problem *api.Problem
}

// Chosen tells whether a site and a source are chosen.
func (f importForm) Chosen() bool { return f.Importer != nil && f.Site != "" }

func (p *Pages) newImportPage(v *visit) (any, error) { return loadImportForm(v) }

// loadImportForm returns what can be chosen, and what is.
func loadImportForm(v *visit) (importForm, error) {
	form := importForm{Site: v.value("site"), Source: v.value("source"), Again: v.value("again")}
	var again importDetails
	if form.Again != "" {
		var err error
		if again, err = get[importDetails](v, "/imports/"+url.PathEscape(form.Again), nil); err != nil {
			return form, err
		}
		form.Site, form.Source = cmp.Or(form.Site, again.Site), cmp.Or(form.Source, again.Source)
	}
	sites, err := get[List[ingestclient.ListedSite]](v, "/sites", url.Values{"limit": {"200"}})
	if err != nil {
		return form, err
	}
	importers, err := get[api.ImporterList](v, "/importers", nil)
	if err != nil {
		return form, err
	}
	form.Sites, form.Sources, form.SecondApprover = sites.Items, importers.Items, importers.RequireSecondApprover
	if at := slices.IndexFunc(form.Sources, func(i api.Importer) bool { return i.Name == form.Source }); at >= 0 {
		form.Importer = &form.Sources[at]
	}
	if form.Again != "" && form.Importer != nil {
		if v.begin, err = typedBefore(again, *form.Importer); err != nil {
			return form, err
		}
	}
	if id := v.value("upload"); id != "" && form.Site != "" {
		upload, err := get[api.Upload](v, sitePath(form.Site)+"/uploads/"+url.PathEscape(id), nil)
		if err != nil {
			return form, err
		}
		form.Upload = &upload
	}
	return form, nil
}

// typedBefore returns the fields of a form that asks for an import like another one.
func typedBefore(i importDetails, importer api.Importer) (url.Values, error) {
	fields := url.Values{"review": {"no"}}
	if i.Review {
		fields.Set("review", "yes")
	}
	if i.Label != importer.Label {
		fields.Set("label", i.Label)
	}
	var args map[string]json.RawMessage
	if err := json.Unmarshal(i.Args, &args); err != nil {
		return nil, fmt.Errorf("read the arguments of import %d: %w", i.ID, err)
	}
	for _, argument := range importer.Arguments {
		if value, ok := args[argument.Name]; ok && string(value) != "null" {
			fields.Set("arg."+argument.Name, argumentText(value))
		}
	}
	return fields, nil
}

// argumentText returns the value of an argument as people type it.
func argumentText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var items []string
	if json.Unmarshal(value, &items) == nil {
		return strings.Join(items, "\n")
	}
	return string(value)
}

// sitePath is the path of a site, here and at the API.
func sitePath(site string) string { return "/sites/" + url.PathEscape(site) }

// newImportPath is the path of the page with what is chosen.
func newImportPath(v *visit, upload string) string {
	query := url.Values{"site": {v.value("site")}, "source": {v.value("source")}, "upload": {upload}}
	if again := v.value("again"); again != "" {
		query.Set("again", again)
	}
	return "/imports/new?" + query.Encode()
}

// uploadFile passes the file of a form on, bit by bit.
func uploadFile(v *visit) (string, error) {
	var upload api.Upload
	path := sitePath(v.value("site")) + "/uploads?" +
		url.Values{"source": {v.value("source")}}.Encode()
	_, err := v.exchange(http.MethodPost, path, v.r.Body,
		map[string]string{"Content-Type": v.r.Header.Get("Content-Type")}, &upload)
	return newImportPath(v, upload.ID), err
}

func fetchFile(v *visit) (string, error) {
	var upload api.Upload
	err := v.send(http.MethodPost, sitePath(v.value("site"))+"/uploads/fetch", api.FetchRequest{
		URL: strings.TrimSpace(v.r.PostForm.Get("url")), Source: v.value("source"),
	}, &upload)
	return newImportPath(v, upload.ID), err
}

// importRequest returns what the form asks for.
func importRequest(v *visit) (api.ImportRequest, error) {
	form := v.r.PostForm
	request := api.ImportRequest{
		Source: form.Get("source"), Upload: form.Get("upload"), Label: strings.TrimSpace(form.Get("label")),
		Args: map[string]json.RawMessage{}, Notify: strings.Fields(strings.ReplaceAll(form.Get("notify"), ",", " ")),
	}
	switch form.Get("review") {
	case "yes", "no":
		request.Review = new(form.Get("review") == "yes")
	}
	return request, typedArguments(form, request.Args)
}

// argumentValue returns the JSON value of an argument that was typed as text. The type is an
// importers.Argument's; values of other types than those of text are typed as JSON.
func argumentValue(text, kind string) (json.RawMessage, error) {
	switch kind {
	case "string", "day":
		return json.Marshal(text)
	case "list of strings":
		return json.Marshal(typedLines(text))
	default:
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("want a value of the type %s, in JSON", kind)
		}
		return json.RawMessage(text), nil
	}
}

// dryRun shows what the import would do.
func (p *Pages) dryRun(v *visit) (any, error) {
	form, err := loadImportForm(v)
	if err != nil {
		return nil, err
	}
	request, err := importRequest(v)
	if err == nil {
		form.Report = &importacts.DryRunReport{}
		err = v.send(http.MethodPost, sitePath(form.Site)+"/imports/dry-run", request, form.Report)
	}
	if err == nil {
		return form, nil
	}
	form.Report = nil
	err = asProblem(err, &form.Problem)
	return form, err
}

func startImport(v *visit) (string, error) {
	request, err := importRequest(v)
	if err != nil {
		return "", err
	}
	var started importview.Import
	err = v.send(http.MethodPost, sitePath(v.r.PostForm.Get("site"))+"/imports", request, &started)
	return "/imports/" + strconv.FormatInt(started.ID, 10), err
}
