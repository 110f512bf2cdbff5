package clickhouse

import (
	"io"
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
	open                    func() (io.ReadCloser, error)
}

// readForm takes the query and the external tables out of a form. What
// describes the tables is taken out of values, so as not to pass for settings.
func (req *request) readForm(r *http.Request, values url.Values) error {
	r.Body = io.NopCloser(req.body) // without compression
	//nolint:gosec // G120: larger parts go to files, and only programs of this machine can send any
	if err := r.ParseMultipartForm(maxFormMemory); err != nil {
		return bodyError(err)
	}
	req.form = r.MultipartForm
	req.body = strings.NewReader("")
	// A table without a file name is, to the parser of forms, a plain field:
	// what says that it is a table are its columns.
	tables := map[string]func() (io.ReadCloser, error){}
	for name, files := range req.form.File {
		tables[name] = func() (io.ReadCloser, error) { return files[0].Open() }
	}
	for name, fields := range req.form.Value {
		switch {
		case name == "query":
			req.query = firstOf(req.query, fields[0])
		case values.Has(name+"_structure") || req.form.Value[name+"_structure"] != nil:
			tables[name] = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(fields[0])), nil }
		default:
			values[name] = fields
		}
	}
	for name, open := range tables {
		table := externalTable{
			name: name, open: open,
			format:    firstOf(values.Get(name+"_format"), "TabSeparated"),
			structure: values.Get(name + "_structure"),
		}
		if table.structure == "" {
			return newException(codeBadArguments,
				"external table %s: want its columns in the parameter %s_structure", name, name)
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

// makeExternal makes a temporary table of each external one. The tables go with the
// connection.
func (e *engine) makeExternal(s *session, tables []externalTable) error {
	for _, t := range tables {
		if err := s.makeTable(t.name, t.structure); err != nil {
			return err
		}
		file, err := t.open()
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
