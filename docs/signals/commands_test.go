package signals

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

const (
	patience = 30 * time.Second
	interval = 20 * time.Millisecond
)

// example is the import's workflow ID on the page.
const example = "import/example.com/1"

// realCLI names a Temporal CLI that is used in the place of the interpreter, if set.
const realCLI = "SLUICE_TEMPORAL_CLI"

// TestCommands: every command line of the page does what it says.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := setup(t)
	seen := map[string]bool{}
	for _, line := range commandLines(t, "temporal") {
		name, _ := commandOf(t, line)
		how := strings.Join(strings.Fields(line)[:3], " ")
		seen[how+" "+name] = true
		t.Run(how+" "+name, func(t *testing.T) {
			t.Parallel()
			s.requireWorks(t, line)
		})
	}
	for _, line := range commandLines(t, "curl") {
		name, argument := commandOf(t, line)
		t.Run("http "+name, func(t *testing.T) {
			t.Parallel()
			if argument != "" {
				require.Contains(t, page(t), "`"+argument+"`", "what the base64 says is on the page")
			}
			s.requireWorks(t, line)
		})
	}
	// The page leaves nothing out.
	for _, name := range []string{
		workflows.CommandPause, workflows.CommandResume, workflows.CommandCancel, workflows.CommandRetryPart,
		workflows.CommandSkipPart, workflows.CommandSetRate, workflows.CommandDecide,
	} {
		require.True(t, seen["temporal workflow update "+name], "no update %s", name)
		require.True(t, seen["temporal workflow signal "+name], "no signal %s", name)
	}
	for _, name := range []string{workflows.QueryState, workflows.QueryProgress, workflows.QueryFeedback} {
		require.True(t, seen["temporal workflow query "+name], "no query %s", name)
	}
}

// requireWorks runs a command line about an import that it is for, and waits until what it
// commands is done.
func (s *system) requireWorks(t *testing.T, line string) {
	t.Helper()
	name, argument := commandOf(t, line)
	isQuery := strings.Contains(line, " query ") || strings.Contains(line, "/query/")
	prepared := name
	if isQuery {
		prepared = ""
	}
	imp := s.prepare(t, prepared)
	output, err := s.run(t, imp, line)
	require.NoErrorf(t, err, "%s\n%s", line, output)
	if isQuery {
		require.Regexp(t, map[string]string{
			// In base64, from the Web UI's server, it begins with {"import_id":.
			workflows.QueryState: `loading|"eyJpbXBvcnRfaWQi`, workflows.QueryProgress: "parts_total",
			workflows.QueryFeedback: "rows per second by setup",
		}[name], output)
		return
	}
	var o command
	require.NoError(t, json.Unmarshal([]byte(argument), &o))
	s.requireDone(t, imp.ID, name, o)
}

// commandOf returns the command or query of a command line, and the argument.
func commandOf(t *testing.T, line string) (name, argument string) {
	t.Helper()
	args := words(t, line, map[string]string{"TEMPORAL_UI": "http://host"})
	for i, arg := range args {
		switch {
		case arg == "--name" || arg == "--type":
			name = args[i+1]
		case arg == "--input":
			argument = args[i+1]
		case strings.HasPrefix(arg, "http://"):
			name = arg[strings.LastIndex(arg, "/")+1:]
		case arg == "-d":
			argument = payloadOf(t, args[i+1])
		}
	}
	require.NotEmpty(t, name, line)
	return name, argument
}

// payloads are payloads as the Web UI's server takes them.
type payloads struct {
	Payloads []struct {
		Metadata map[string][]byte `json:"metadata"`
		Data     []byte            `json:"data"`
	} `json:"payloads"`
}

// payloadOf returns the command in the body of a request to the Web UI's server.
func payloadOf(t *testing.T, body string) string {
	t.Helper()
	var request struct {
		Input   payloads `json:"input"`
		Request struct {
			Input struct {
				Args payloads `json:"args"`
			} `json:"input"`
		} `json:"request"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &request))
	for _, p := range append(request.Input.Payloads, request.Request.Input.Args.Payloads...) {
		require.Equal(t, "json/plain", string(p.Metadata["encoding"]))
		return string(p.Data)
	}
	return ""
}

// run runs a command line of the page about an import of the test's.
func (s *system) run(t *testing.T, imp importstore.Import, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(enginetest.Context(t), patience)
	defer cancel()
	line = strings.ReplaceAll(line, example, imp.WorkflowID)
	line = strings.ReplaceAll(line, url.PathEscape(example), url.PathEscape(imp.WorkflowID))
	line = strings.ReplaceAll(line, "/namespaces/default/", "/namespaces/"+s.Namespace()+"/")
	args := words(t, line, map[string]string{"TEMPORAL_UI": os.Getenv("SLUICE_TEMPORAL_UI")})
	switch args[0] {
	case "temporal":
		return s.temporal(ctx, args[1:])
	case "curl":
		return curl(ctx, args[1:])
	default:
		require.Failf(t, "unknown program", "%s", line)
		return "", nil
	}
}

// temporal runs the Temporal CLI. The error is what it says.
func (s *system) temporal(ctx context.Context, args []string) (string, error) {
	program := os.Getenv(realCLI)
	if program == "" {
		return temporalCLI(ctx, s.Temporal, args)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), s.Environ()...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		// Releases frame it in different ways.
		err = errors.New(regexp.MustCompile(`(unable|failed|querying)[^"\n]*`).FindString(string(output)))
	}
	return string(output), err
}
