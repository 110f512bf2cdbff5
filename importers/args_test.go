package importers_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

type exampleArgs struct {
	Name  string `json:"name"`
	Count int    `json:"count,omitempty"`
	Deep  struct {
		On bool `json:"on"`
	} `json:"deep"`
	List []string `json:"list"`
}

func TestDecodeArgs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, err string }{
		"all":              {in: `{"name": "x", "count": 3, "deep": {"on": true}, "list": ["a"]}`},
		"none":             {in: `{}`},
		"nothing":          {in: " \n"},
		"unknown":          {in: `{"title": "s3cr3t"}`, err: `unknown argument "title": the arguments are name, count, deep, list`},
		"unknown and deep": {in: `{"deep": {"off": "s3cr3t"}}`, err: `unknown argument "deep.off": those of "deep" are on`},
		"other case":       {in: `{"NAME": "s3cr3t"}`, err: `unknown argument "NAME"`},
		"twice":            {in: `{"name": "s3cr3t", "name": "s3cr3t"}`, err: `argument "name" is given twice`},
		"a string":         {in: `{"count": "s3cr3t"}`, err: `argument "count": want a whole number, got a string`},
		"a fraction":       {in: `{"count": 73727.5}`, err: `argument "count": want a whole number, got a number`},
		"a list":           {in: `{"name": ["s3cr3t"]}`, err: `argument "name": want a string, got an array`},
		"an object":        {in: `{"list": {"a": "s3cr3t"}}`, err: `argument "list": want a list, got an object`},
		"a number":         {in: `{"deep": 73727}`, err: `argument "deep": want an object, got a number`},
		"deep":             {in: `{"deep": {"on": "s3cr3t"}}`, err: `argument "deep.on": want true or false, got a string`},
		"no object":        {in: `["s3cr3t"]`, err: `the arguments are not a JSON object`},
		"null":             {in: `null`, err: `the arguments are not a JSON object`},
		"no JSON":          {in: `{"name": s3cr3t}`, err: `the arguments are not valid JSON`},
		"cut":              {in: `{"name": "s3cr3t"`, err: `the arguments are not valid JSON`},
		"text behind":      {in: `{} "s3cr3t"`, err: `unexpected text after`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args exampleArgs
			err := importers.DecodeArgs(json.RawMessage(tc.in), &args)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
			require.NotContains(t, err.Error(), "s3cr3t")
			require.NotContains(t, err.Error(), "73727")
		})
	}
}
