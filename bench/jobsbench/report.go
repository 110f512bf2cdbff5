package jobsbench

import (
	"encoding/json"
	"io"
)

// Result is what was measured, by the systems' names. Its JSON is one line of the output.
type Result struct {
	Bench   string              `json:"bench"`
	Latency map[string]Latency  `json:"latency,omitempty"`
	Burn    map[string]BurnDown `json:"burn_down,omitempty"`
}

func report(out io.Writer, _ Config, r Result) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
