package clickhouse

import (
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// externalTable is a table that a request brings along in a form, for the
// use of its query alone
// (https://clickhouse.com/docs/engines/table-engines/special/external-data).
type externalTable struct {
	name, format, structure string
	file                    *multipart.FileHeader
}

// readForm takes the query and the external tables out of a form. What
// describes the tables is taken out of values, so as not to pass for settings.
func (req *request) readForm(r *http.Request, values url.Values) error {
	r.Body = io.NopCloser(req.body) // without compression
	if err := r.ParseMultipartForm(maxFormMemory); err != nil {
		return bodyError(err)
	}
	req.form = r.MultipartForm
	req.body = strings.NewReader("")
	for name, fields := range req.form.Value {
		if name == "query" && req.query == "" {
			req.query = fields[0]
			continue
		}
		values[name] = fields
	}
	for name, files := range req.form.File {
		table := externalTable{name: name, format: "TabSeparated", file: files[0]}
		if format := values.Get(name + "_format"); format != "" {
			table.format = format
		}
		table.structure = values.Get(name + "_structure")
		if table.structure == "" {
			return newException(codeBadArguments, "external table %s: want its columns in the parameter %s_structure", name, name)
		}
		if !settingName.MatchString(table.format) {
			return newException(codeBadArguments, "external table %s: %q is no name of a format", name, table.format)
		}
		values.Del(name + "_format")
		values.Del(name + "_structure")
		req.external = append(req.external, table)
	}
	slices.SortFunc(req.external, func(a, b externalTable) int { return strings.Compare(a.name, b.name) })
	return nil
}

// close removes the form's temporary files, if there are any.
func (req *request) close() error {
	if req.form == nil {
		return nil
	}
	return req.form.RemoveAll()
}

// load makes a temporary table of each external one. The tables go with the
// connection.
func (e *engine) load(s *session, tables []externalTable) error {
	for _, t := range tables {
		if err := s.run("CREATE TEMPORARY TABLE " + quoteName(t.name) + " (" + t.structure + ")"); err != nil {
			return err
		}
		file, err := t.file.Open()
		if err != nil {
			return err
		}
		st, _, err := analyse("INSERT INTO "+quoteName(t.name)+" FORMAT "+t.format, false)
		if err == nil {
			_, err = e.feed(s, st, params{}, &feed{source: file})
		}
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}
