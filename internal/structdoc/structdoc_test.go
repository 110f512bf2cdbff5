package structdoc_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/structdoc"
)

func TestOf(t *testing.T) {
	t.Parallel()
	type settings struct {
		URL   string          `json:"url" arg:"required" usage:"address"`
		Port  int             `json:"port,omitempty" default:"25" usage:"port"`
		Names []string        `json:"names"`
		Day   *calendar.Day   `json:"day"`
		Data  json.RawMessage `json:"data"`
		Rate  float64         `json:"rate"`
		On    bool            `json:"on"`
		More  map[string]int  `json:"more"`
	}
	require.Equal(t, []structdoc.Field{
		{Name: "url", Type: "string", Required: true, Usage: "address"},
		{Name: "port", Type: "integer", Default: "25", Usage: "port"},
		{Name: "names", Type: "list of strings"},
		{Name: "day", Type: "day"},
		{Name: "data", Type: "JSON"},
		{Name: "rate", Type: "number"},
		{Name: "on", Type: "boolean"},
		{Name: "more", Type: "object"},
	}, structdoc.Of(settings{}))
}
