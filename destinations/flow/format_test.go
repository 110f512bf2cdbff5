package flow_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations/flow"
)

// What Format writes is what Parse has read, also if YAML has another meaning for a text.
func TestFormat(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"events": `flows:
  - name: paid-orders
    description: paid orders
    from:
      source: shop
      event: order.*
    when: data.total > 10 && context.country != "FR"
    to:
      - destination: postgres
        action: upsert
        data:
          connection: '"dwh"'
          key:
            - '"id"'
`,
		"imports":  `flows: [{name: ends, enabled: false, from: {import: "*", event: import.failed}, to: [{destination: log, action: write}]}]`,
		"records":  `flows: [{name: rows, from: {import: csv, records: true}, to: [{destination: log, action: write, version: "2", when: "true"}]}]`,
		"literals": `flows: [{name: a, to: [{destination: log, action: write, data: {n: 5, f: 1.5, t: true, no: "no", empty: "", list: [1, [2]], big: 12345678901234567890}}]}]`,
		"texts":    "flows: [{name: a, description: \"<script>x</script>\\\"' : - #\\n two \\n\", when: \"'null'\", to: [{destination: log, action: write, context: {'a: b': '\"\\x22\"', '1': '- x', '{}': '''~'''}}]}]",
		"several":  `flows: [{name: a, to: [{destination: log, action: write}]}, {name: b, to: [{destination: log, action: write}, {destination: smtp, action: send}]}]`,
		"none":     "flows: []",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flows, err := flow.Parse("flows", []byte(text))
			require.NoError(t, err)
			written, err := flow.Format(flows)
			require.NoError(t, err)
			read, err := flow.Parse("flows", written)
			require.NoError(t, err, string(written))
			want, err := json.Marshal(flows)
			require.NoError(t, err)
			got, err := json.Marshal(read)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got), string(written))
			if name == "events" {
				require.Equal(t, text, string(written))
			}
			// The store has flows as JSON.
			for _, f := range flows {
				spec, err := json.Marshal(f)
				require.NoError(t, err)
				again, err := flow.Format([]flow.Flow{flow.Read(f.Name, spec)})
				require.NoError(t, err)
				alone, err := flow.Parse("flows", again)
				require.NoError(t, err, string(again))
				got, err := json.Marshal(alone[0])
				require.NoError(t, err)
				require.JSONEq(t, string(spec), string(got), string(again))
			}
		})
	}
}
