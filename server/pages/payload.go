package pages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/redact"
)

// payload returns the JSON of a job or an event, indented. Secrets are redacted.
func payload(text json.RawMessage) (string, error) {
	clean, err := redact.JSON(text)
	if err != nil {
		return "", fmt.Errorf("read a payload: %w", err)
	}
	return indented(clean)
}

// jsonText returns a value of JSON as text: a text as it is, others in JSON.
func jsonText(value json.RawMessage) (text string, err error) {
	if !bytes.HasPrefix(value, []byte(`"`)) {
		return string(value), nil
	}
	err = json.Unmarshal(value, &text)
	return text, err
}

// indented returns JSON with an indentation, and everything in it.
func indented(text json.RawMessage) (string, error) {
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return "", fmt.Errorf("write a payload: %w", err)
	}
	return out.String(), nil
}

// typedObject reads the JSON object that was typed into a field, nil for none.
func (v *visit) typedObject(field string) (map[string]json.RawMessage, error) {
	text := strings.TrimSpace(v.r.PostForm.Get(field))
	if text == "" {
		return nil, nil
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal([]byte(text), &object)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		line, column := position(text, syntax.Offset)
		return nil, invalid(field, fmt.Sprintf("line %d, column %d: %s: want a JSON object", line, column, syntax))
	case err != nil || object == nil:
		return nil, invalid(field, `want a JSON object, such as {"id": 7}`)
	}
	return object, nil
}

// position returns the line and the column of the byte before an offset, both from 1.
func position(text string, offset int64) (line, column int) {
	before := text[:max(0, min(int(offset)-1, len(text)))]
	return 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')
}
