package destinations_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"name": "x", "deep": {"count": 3}}`: "",
		` {} `:                                "",
		``:                                    "the data is not a JSON object",
		`null`:                                "the data is not a JSON object",
		`["hunter2"]`:                         "the data is not a JSON object",
		`{"name": "hunter2"`:                  "the data is not valid JSON",
		`{} "hunter2"`:                        "unexpected text after the JSON object of the data",
		`{"title": "hunter2"}`:                `unknown field "title": the fields are name, deep`,
		`{"name": 73727}`:                     `field "name": want a string, got a number`,
		`{"deep": {"count": "hunter2"}}`:      `field "deep.count": want a whole number, got a string`,
	} {
		var into struct {
			Name string `json:"name"`
			Deep struct {
				Count int `json:"count"`
			} `json:"deep"`
		}
		err := destinations.Decode(json.RawMessage(text), &into)
		if want == "" {
			require.NoError(t, err, text)
		} else {
			require.EqualError(t, err, want, text)
		}
	}
}

func TestJobOf(t *testing.T) {
	t.Parallel()
	job, err := destinations.JobOf(map[string]any{"n": 1}, nil)
	require.NoError(t, err)
	require.Equal(t, destinations.Job{Data: json.RawMessage(`{"n":1}`)}, *job)
	_, err = destinations.JobOf(math.Inf(1), nil)
	require.EqualError(t, err, "encode the data of the job: json: unsupported value: +Inf")
}

// FuzzDecode: nothing makes it panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name": "x", "deep": {"count": 3}}`))
	f.Add([]byte(`{"name": 1e999999}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var into struct {
			Name string         `json:"name"`
			Deep map[string]any `json:"deep"`
		}
		if destinations.Decode(data, &into) == nil && !json.Valid(data) {
			t.Fatalf("%q was read and is not JSON", data)
		}
	})
}
