package request

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// The members are those that package encoding/json finds.
func FuzzWalkObject(f *testing.F) {
	for _, object := range []string{
		`{}`, `{ }`, `{"a":1}`, ` {"a" : "b\\\"}{" , "c":[1,{"d":"]"}], "a":null } `, `{"\u0061":true,"a":-1.5e3}`, `{"":{}}`,
		`{"a":"\ud800","\\":[[]]}`, `[]`, `null`, `{"a":1}x`,
	} {
		f.Add([]byte(object))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		body = bytes.Trim(body, space)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil || want == nil {
			return
		}
		got := map[string]json.RawMessage{}
		walkObject(body, func(name string, value json.RawMessage) { got[name] = value })
		require.Equal(t, want, got)
	})
}

func TestWalkObject(t *testing.T) {
	t.Parallel()
	var got []string
	walkObject([]byte(`{"b" :[1, 2],"a":"}\"","b":{"c":null} }`), func(name string, value json.RawMessage) {
		got = append(got, name+"="+string(value))
	})
	require.Equal(t, []string{"b=[1, 2]", `a="}\""`, `b={"c":null}`}, got)
}
