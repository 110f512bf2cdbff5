package importers_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

func TestArgumentsOf(t *testing.T) {
	t.Parallel()
	type args struct {
		Paths []string               `json:"paths" arg:"required" usage:"files"`
		From  *calendar.Day          `json:"from,omitempty" default:"today" usage:"first day"`
		Rows  int64                  `json:"rows" default:"1" usage:"rows"`
		Share float64                `json:"share" usage:"share"`
		Dry   bool                   `json:"dry" usage:"dry"`
		Data  json.RawMessage        `json:"data" usage:"data"`
		Locks []importers.Dependency `json:"locks" usage:"locks"`
	}
	require.Equal(t, []importers.Argument{
		{Name: "paths", Type: "list of strings", Required: true, Usage: "files"},
		{Name: "from", Type: "day", Default: "today", Usage: "first day"},
		{Name: "rows", Type: "integer", Default: "1", Usage: "rows"},
		{Name: "share", Type: "number", Usage: "share"},
		{Name: "dry", Type: "boolean", Usage: "dry"},
		{Name: "data", Type: "JSON", Usage: "data"},
		{Name: "locks", Type: "list of objects", Usage: "locks"},
	}, importers.ArgumentsOf(args{}))
}
