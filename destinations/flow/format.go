package flow

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
)

// The form of a file, as Parse reads it.
type (
	fileForm struct {
		Flows []flowForm `json:"flows"`
	}
	flowForm struct {
		Name        string     `json:"name"`
		Description string     `json:"description,omitempty" yaml:"description,omitempty"`
		Enabled     *bool      `json:"enabled,omitempty" yaml:"enabled,omitempty"`
		From        *fromForm  `json:"from,omitempty" yaml:"from,omitempty"`
		When        string     `json:"when,omitempty" yaml:"when,omitempty"`
		To          []stepForm `json:"to"`
	}
	fromForm struct {
		Source  string `json:"source,omitempty" yaml:"source,omitempty"`
		Event   string `json:"event,omitempty" yaml:"event,omitempty"`
		Import  string `json:"import,omitempty" yaml:"import,omitempty"`
		Records bool   `json:"records,omitempty" yaml:"records,omitempty"`
	}
	stepForm struct {
		Destination string         `json:"destination"`
		Action      string         `json:"action"`
		Version     string         `json:"version,omitempty" yaml:"version,omitempty"`
		When        string         `json:"when,omitempty" yaml:"when,omitempty"`
		Data        map[string]any `json:"data,omitempty" yaml:"data,omitempty"`
		Context     map[string]any `json:"context,omitempty" yaml:"context,omitempty"`
	}
)

// Format returns flows as a file that Parse reads as the same flows: in YAML, or in JSON if YAML would change one.
// Comments and the order of fields are not those of the file that the flows come from.
func Format(flows []Flow) ([]byte, error) {
	form := fileForm{Flows: make([]flowForm, len(flows))}
	for i, f := range flows {
		one := flowForm{Name: f.Name, Description: f.Description, When: f.When, To: make([]stepForm, len(f.To))}
		if f.Disabled {
			one.Enabled = new(bool)
		}
		if from := (fromForm{f.Source, f.Event, f.Import, f.Records}); from != (fromForm{}) {
			one.From = &from
		}
		for n, s := range f.To {
			one.To[n] = stepForm(s)
		}
		form.Flows[i] = one
	}
	text, err := yaml.MarshalWithOptions(form,
		yaml.IndentSequence(true), yaml.UseSingleQuote(true), yaml.UseLiteralStyleIfMultiline(true))
	if err == nil && readsAs(text, flows) {
		return text, nil
	}
	if text, err = json.MarshalIndent(form, "", "  "); err != nil {
		return nil, fmt.Errorf("write flows: %w", err)
	}
	return append(text, '\n'), nil
}

// readsAs tells whether a file has these flows.
func readsAs(text []byte, flows []Flow) bool {
	read, err := Parse("flows", text)
	if err != nil {
		return false
	}
	want, wantErr := json.Marshal(flows)
	got, gotErr := json.Marshal(read)
	return wantErr == nil && gotErr == nil && bytes.Equal(want, got)
}
