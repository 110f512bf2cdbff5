package fakemailchimp

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// field is a field of a member in answers.
type field struct {
	name  string
	value func(e entry, list string) any
}

// memberFields are the fields of a member as the API presents it.
var memberFields = []field{
	{"id", func(e entry, _ string) any { return e.id }},
	{"email_address", func(e entry, _ string) any { return e.Email }},
	{"unique_email_id", func(e entry, _ string) any { return e.UniqueID() }},
	{"contact_id", func(e entry, _ string) any { return md5Of("contact " + e.Email) }},
	{"status", func(e entry, _ string) any { return e.Status }},
	{"merge_fields", func(e entry, _ string) any {
		if e.MergeFields == nil {
			return map[string]any{}
		}
		return e.MergeFields
	}},
	{"timestamp_signup", func(entry, string) any { return "" }},
	{"timestamp_opt", func(e entry, _ string) any {
		if e.OptedIn.IsZero() {
			return ""
		}
		return e.OptedIn.UTC().Format(time.RFC3339)
	}},
	{"last_changed", func(e entry, _ string) any { return e.LastChanged.Format("2006-01-02T15:04:05+00:00") }},
	{"language", func(entry, string) any { return "en" }},
	{"vip", func(entry, string) any { return false }},
	{"tags", func(e entry, _ string) any {
		tags := []any{}
		for i, name := range e.Tags[:min(len(e.Tags), 50)] {
			tags = append(tags, map[string]any{"id": i + 1, "name": name})
		}
		return tags
	}},
	{"tags_count", func(e entry, _ string) any { return len(e.Tags) }},
	{"list_id", func(_ entry, list string) any { return list }},
	{"full_name", func(entry, string) any { return "" }},
	{"web_id", func(entry, string) any { return 1 }},
	{"email_type", func(entry, string) any { return "html" }},
	{"ip_signup", func(entry, string) any { return "" }},
	{"location", func(entry, string) any { return map[string]any{} }},
}

// requested reports whether an answer has a field, by the parameter fields: all without any.
func requested(fields []string, path string) bool {
	return len(fields) == 0 || slices.ContainsFunc(fields, func(f string) bool {
		return f == path || strings.HasPrefix(f, path+".") || strings.HasPrefix(path, f+".")
	})
}

// presented are the fields of members in one answer.
type presented []field

// presentation returns the requested fields of members.
func presentation(fields []string) presented {
	var p presented
	for _, f := range memberFields {
		if requested(fields, "members."+f.name) {
			p = append(p, f)
		}
	}
	return p
}

// presentAll returns members as the API presents them: a JSON array.
func presentAll(all []entry, list string, fields []string) (json.RawMessage, error) {
	p := presentation(fields)
	text := []byte("[")
	for i, e := range all {
		if i > 0 {
			text = append(text, ',')
		}
		var err error
		if text, err = p.of(text, e, list); err != nil {
			return nil, err
		}
	}
	return append(text, ']'), nil
}

// of appends a member.
func (p presented) of(text json.RawMessage, e entry, list string) (json.RawMessage, error) {
	if e.Raw != "" {
		return append(text, e.Raw...), nil
	}
	text = append(text, '{')
	for i, f := range p {
		if i > 0 {
			text = append(text, ',')
		}
		value, err := json.Marshal(f.value(e, list))
		if err != nil {
			return nil, err
		}
		text = append(append(append(append(text, '"'), f.name...), `":`...), value...)
	}
	return append(text, '}'), nil
}
