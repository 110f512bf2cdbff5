package api

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strings"
)

// docsStylePath is the style sheet of the page.
const docsStylePath = DocsPath + "/style.css"

// docsPolicy lets the page load its style sheet and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs.css
var docsStyle []byte

//go:embed docs.html
var docsTemplate string

// docsPage renders a document as a page without scripts and outside resources.
func docsPage(document []byte) ([]byte, error) {
	var parsed docsDocument
	if err := json.Unmarshal(document, &parsed); err != nil {
		return nil, err
	}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"shape": shapeOf, "anchor": anchorOf, "describe": describeSchema,
	}).Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Info": parsed.Info, "Prefix": Prefix, "Document": DocumentPath, "Style": docsStylePath,
		"Tags": parsed.tags(), "Schemas": parsed.schemas(),
	})
	return out.Bytes(), err
}

// docsDocument is what the page shows of the document.
type docsDocument struct {
	Info struct {
		Title, Version, Description string
	}
	Paths      map[string]map[string]docsOperation
	Components struct {
		Schemas map[string]map[string]any
	}
}

type docsOperation struct {
	Method, Path string
	OperationID  string `json:"operationId"`
	Summary      string
	Description  string
	Tags         []string
	Permission   string   `json:"x-sluice-permission"`
	Scope        string   `json:"x-sluice-scope"`
	Problems     []string `json:"x-sluice-problems"`
	Parameters   []docsParameter
	RequestBody  *struct {
		Required bool
		Content  map[string]struct{ Schema map[string]any }
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string
		Content     map[string]struct{ Schema map[string]any }
	}
}

type docsParameter struct {
	Name, In, Description string
	Required              bool
	Schema                map[string]any
}

type docsTag struct {
	Name       string
	Operations []docsOperation
}

// tags returns the operations by resource.
func (d docsDocument) tags() []docsTag {
	byTag := map[string][]docsOperation{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			o, ok := d.Paths[path][method]
			if !ok {
				continue
			}
			o.Method, o.Path = strings.ToUpper(method), path
			tag := ""
			if len(o.Tags) > 0 {
				tag = o.Tags[0]
			}
			byTag[tag] = append(byTag[tag], o)
		}
	}
	var tags []docsTag
	for _, name := range slices.Sorted(maps.Keys(byTag)) {
		tags = append(tags, docsTag{Name: name, Operations: byTag[name]})
	}
	return tags
}

type docsSchema struct {
	Name, Description string
	Fields            []docsField
}

type docsField struct {
	Name     string
	Required bool
	Schema   map[string]any
}

// schemas returns the schemas of bodies by name.
func (d docsDocument) schemas() []docsSchema {
	var all []docsSchema
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		schema := d.Components.Schemas[name]
		shown := docsSchema{Name: name, Description: textOf(schema, "description")}
		required, _ := schema["required"].([]any)              //nolint:errcheck // nothing without one
		properties, _ := schema["properties"].(map[string]any) //nolint:errcheck // nothing without one
		for _, field := range slices.Sorted(maps.Keys(properties)) {
			of, _ := properties[field].(map[string]any) //nolint:errcheck // nothing without one
			shown.Fields = append(shown.Fields, docsField{
				Name: field, Required: slices.Contains(required, any(field)), Schema: of,
			})
		}
		all = append(all, shown)
	}
	return all
}

func textOf(schema map[string]any, key string) string {
	text, _ := schema[key].(string) //nolint:errcheck // nothing without one
	return text
}

// anchorOf returns the name of the schema that another one refers to, "" for none.
func anchorOf(schema map[string]any) string {
	ref := textOf(schema, "$ref")
	if items, ok := schema["items"].(map[string]any); ok && ref == "" {
		ref = textOf(items, "$ref")
	}
	return ref[strings.LastIndex(ref, "/")+1:]
}

// shapeOf returns the type of a schema: "string, date", "array of Import".
func shapeOf(schema map[string]any) string {
	if ref := textOf(schema, "$ref"); ref != "" {
		return ref[strings.LastIndex(ref, "/")+1:]
	}
	var types []string
	switch of := schema["type"].(type) {
	case string:
		types = append(types, of)
	case []any:
		for _, one := range of {
			if text, ok := one.(string); ok {
				types = append(types, text)
			}
		}
	}
	text := cmp.Or(strings.Join(types, " or "), "any")
	if items, ok := schema["items"].(map[string]any); ok {
		text += " of " + shapeOf(items)
	}
	if format := textOf(schema, "format"); format != "" {
		text += ", " + format
	}
	return text
}

// bounds are the limits of a schema that the page shows.
var bounds = []struct{ key, text string }{
	{"enum", "one of"},
	{"default", "default"},
	{"minimum", "at least"},
	{"maximum", "at most"},
	{"minLength", "characters at least"},
	{"maxLength", "characters at most"},
	{"maxItems", "items at most"},
}

// describeSchema returns the limits of a schema.
func describeSchema(schema map[string]any) string {
	var texts []string
	for _, b := range bounds {
		value, ok := schema[b.key]
		if !ok {
			continue
		}
		data, err := json.Marshal(value)
		if err != nil {
			continue
		}
		texts = append(texts, b.text+" "+strings.ReplaceAll(strings.Trim(string(data), "[]"), ",", ", "))
	}
	return strings.Join(texts, "; ")
}
