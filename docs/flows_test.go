package docs_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/components"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// blocks returns the blocks of a language that a page has.
func blocks(page, language string) (texts []string) {
	for _, m := range codeBlock.FindAllStringSubmatch(page, -1) {
		if m[1] == language {
			texts = append(texts, m[2])
		}
	}
	return texts
}

// decide runs flows in YAML on an event.
func decide(t *testing.T, text string, e destinations.Event) []flow.Decision {
	t.Helper()
	flows, err := flow.Parse("flows.md", []byte(text))
	require.NoError(t, err)
	program, err := flow.Compile(components.Stock(config.Default()).Destinations, flows)
	require.NoError(t, err)
	return program.Decide(context.Background(), &destinations.Toolkit{}, &destinations.Versions{}, e)
}

// sampleOf reads the event that the page about flows shows.
func sampleOf(t *testing.T) destinations.Event {
	t.Helper()
	samples := blocks(pages(t)["flows.md"], "json")
	require.Len(t, samples, 1)
	var shown struct {
		Source, Name  string
		Context, Data json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(samples[0]), &shown))
	return destinations.Event{ID: "e", Source: shown.Source, Name: shown.Name, Context: shown.Context, Data: shown.Data}
}

// TestFlowsRun: the flows that the page shows are compiled, and make jobs of what they are for.
func TestFlowsRun(t *testing.T) {
	t.Parallel()
	shown := blocks(pages(t)["flows.md"], "yaml")
	require.Len(t, shown, 2)
	jobs, err := flow.Jobs(decide(t, shown[0], sampleOf(t)))
	require.NoError(t, err)
	require.Len(t, jobs, 1, "its total is more than 10 and less than 1000")

	end, err := flow.SampleEnd("csv", importstore.StatusFailed).Event()
	require.NoError(t, err)
	jobs, err = flow.Jobs(decide(t, shown[1], end))
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.Equal(t, "webhook", jobs[0].Destination)
}

var example = regexp.MustCompile("(?m)^\\| `(.+)` \\| `(.+)` \\|$")

// TestExpressionsGive: expressions give for the event what the page says.
func TestExpressionsGive(t *testing.T) {
	t.Parallel()
	page := pages(t)["flows.md"]
	from, to := strings.Index(page, "| Expression | Result |"), strings.Index(page, "Whole numbers keep all their digits")
	require.True(t, 0 < from && from < to)
	examples := example.FindAllStringSubmatch(page[from:to], -1)
	require.Greater(t, len(examples), 10)
	for _, m := range examples {
		expression := strings.ReplaceAll(m[1], `\|`, "|")
		text := "flows: [{name: a, to: [{destination: log, action: write, data: {text: name, attributes: {gives: " +
			strconv.Quote(expression) + "}}}]}]"
		jobs, err := flow.Jobs(decide(t, text, sampleOf(t)))
		require.NoError(t, err, expression)
		var line struct {
			Attributes struct{ Gives json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(jobs[0].Data, &line))
		gives := string(line.Attributes.Gives)
		if gives == "" {
			gives = "null"
		}
		require.JSONEq(t, m[2], gives, expression)
	}
}

// TestMappingsRefused: mappings are refused as the page says.
func TestMappingsRefused(t *testing.T) {
	t.Parallel()
	page := pages(t)["flows.md"]
	from, to := strings.Index(page, "| Mapping for `log` / `write` | Error |"), strings.Index(page, "## When a mapping fails")
	require.True(t, 0 < from && from < to)
	examples := example.FindAllStringSubmatch(page[from:to], -1)
	require.Len(t, examples, 5)
	for _, m := range examples {
		flows, err := flow.Parse("flows.md", []byte("flows: [{name: a, to: [{destination: log, action: write, data: "+m[1]+"}]}]"))
		require.NoError(t, err, m[1])
		_, err = flow.Compile(components.Stock(config.Default()).Destinations, flows)
		require.ErrorContains(t, err, m[2], m[1])
	}
}

// TestFlowsPageIsTrue: the page knows every field and name, and every limit.
func TestFlowsPageIsTrue(t *testing.T) {
	t.Parallel()
	page := pages(t)["flows.md"]
	for _, name := range flow.EndEvents() {
		require.Contains(t, page, "`"+name+"`")
	}
	text, err := json.Marshal(flow.SampleEnd("csv", importstore.StatusCompleted))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	for field := range fields {
		require.Contains(t, page, "`"+field+"`")
	}
	for what, limit := range map[string]string{
		"flows": humanize.Comma(flow.MaxFlows), "size of a file": strconv.Itoa(flow.MaxFile>>20) + " MiB",
		"actions of a flow": strconv.Itoa(flow.MaxSteps), "an expression": humanize.Comma(flow.MaxExpression) + " bytes",
		"a job, with its context":      strconv.Itoa(destinations.MaxPayload>>20) + " MiB",
		"rows in a page of a dispatch": humanize.Comma(dispatchacts.MaxPageRows),
	} {
		require.Contains(t, page, "\n| "+what+" | "+limit+" |")
	}
}
