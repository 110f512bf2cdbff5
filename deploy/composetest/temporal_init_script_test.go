package composetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// searchAttributes is what the workflows set, see workflows/names.go.
var searchAttributes = map[string]string{
	"SluiceSite":       "Keyword",
	"SluiceSource":     "Keyword",
	"SluiceStatus":     "Keyword",
	"SluicePhase":      "Keyword",
	"SluiceErrorClass": "Keyword",
	"SluicePaused":     "Bool",
	"SluiceRows":       "Int",
}

// temporalCLI stands in for the `temporal` command: it records each call, fails
// the first $FAIL_FIRST of them, and keeps namespaces and attributes as files.
const temporalCLI = `
echo "$*" >>"$STATE/calls"
if [ "$(wc -l <"$STATE/calls")" -le "${FAIL_FIRST:-0}" ]; then
    echo "connection refused" >&2
    exit 1
fi
namespace= name= type=
verb="$2 $3"
shift 3
while [ $# -gt 0 ]; do
    case $1 in
        --namespace) namespace=$2 ;;
        --name) name=$2 ;;
        --type) type=$2 ;;
    esac
    shift 2
done
case $verb in
    "cluster health") echo SERVING ;;
    "namespace describe") test -f "$STATE/$namespace" ;;
    "namespace create") : >"$STATE/$namespace" ;;
    "search-attribute list")
        printf '           Name             Type\n'
        cat "$STATE/$namespace" ;;
    "search-attribute create")
        if grep -q " $name " "$STATE/$namespace"; then
            echo "already exists" >&2
            exit 1
        fi
        printf '  %s  %s\n' "$name" "$type" >>"$STATE/$namespace" ;;
    *) echo "unknown command $verb" >&2; exit 64 ;;
esac
`

func TestTemporalInitScript(t *testing.T) {
	t.Parallel()

	script := filepath.Join(scripts, "temporal-init.sh")
	setup := func(t *testing.T, env ...string) (all []string, state string) {
		t.Helper()
		all, state = stub(t, "temporal", temporalCLI)
		return slices.Concat(all, []string{"TEMPORAL_ADDRESS=temporal:7233", "TEMPORAL_INIT_PAUSE=0"}, env), state
	}
	calls := func(t *testing.T, state string) []string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(state, "calls"))
		require.NoError(t, err)
		return strings.Split(strings.TrimSpace(string(content)), "\n")
	}
	registered := func(t *testing.T, state, namespace string) map[string]string {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(state, namespace))
		require.NoError(t, err)
		fields := strings.Fields(string(content))
		got := map[string]string{}
		for pair := range slices.Chunk(fields, 2) {
			got[pair[0]] = pair[1]
		}
		return got
	}

	t.Run("creates the namespace and its search attributes", func(t *testing.T) {
		t.Parallel()

		env, state := setup(t)
		got := run(t, env, script)
		require.Zero(t, got.status, got.stderr)
		require.Equal(t, searchAttributes, registered(t, state, "default"))
		require.Contains(t, calls(t, state),
			"operator namespace create --namespace default --retention 720h --description Sluice imports")
	})

	t.Run("a second run changes nothing", func(t *testing.T) {
		t.Parallel()

		env, state := setup(t, "TEMPORAL_NAMESPACE=imports")
		require.Zero(t, run(t, env, script).status)
		before := len(calls(t, state))
		got := run(t, env, script)
		require.Zero(t, got.status, got.stderr)
		require.Equal(t, searchAttributes, registered(t, state, "imports"))
		for _, call := range calls(t, state)[before:] {
			require.NotContains(t, call, " create ")
		}
	})

	t.Run("adds only what is missing", func(t *testing.T) {
		t.Parallel()

		env, state := setup(t)
		require.NoError(t, os.WriteFile(filepath.Join(state, "default"), []byte("  SluiceSite  Keyword\n"), 0o600))
		got := run(t, env, script)
		require.Zero(t, got.status, got.stderr)
		require.Equal(t, searchAttributes, registered(t, state, "default"))
	})

	// Whichever call it is that fails, the script comes through: the first
	// attempts may meet a server that is starting, or a namespace not yet known.
	for failures := 1; failures <= 6; failures++ {
		t.Run(fmt.Sprintf("survives %d failures", failures), func(t *testing.T) {
			t.Parallel()

			env, state := setup(t, fmt.Sprintf("FAIL_FIRST=%d", failures), "TEMPORAL_INIT_ATTEMPTS=8")
			got := run(t, env, script)
			require.Zero(t, got.status, got.stderr)
			require.Equal(t, searchAttributes, registered(t, state, "default"))
		})
	}

	t.Run("gives up after the attempts it was given", func(t *testing.T) {
		t.Parallel()

		env, state := setup(t, "FAIL_FIRST=1000", "TEMPORAL_INIT_ATTEMPTS=3")
		got := run(t, env, script)
		require.Equal(t, 1, got.status)
		require.Contains(t, got.stderr, "server: gave up after 3 attempts")
		require.Len(t, calls(t, state), 3)
	})

	t.Run("an attribute of the wrong type is not retried", func(t *testing.T) {
		t.Parallel()

		env, state := setup(t)
		require.NoError(t, os.WriteFile(filepath.Join(state, "default"), []byte("  SluiceRows  Keyword\n"), 0o600))
		got := run(t, env, script)
		require.Equal(t, 78, got.status)
		require.Contains(t, got.stderr, "SluiceRows is of type Keyword in namespace default, wanted Int")
	})

	t.Run("needs an address", func(t *testing.T) {
		t.Parallel()

		env, _ := setup(t)
		got := run(t, append(env, "TEMPORAL_ADDRESS="), script)
		require.NotZero(t, got.status)
		require.Contains(t, got.stderr, "TEMPORAL_ADDRESS")
	})
}

func TestSearchAttributesInScript(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(scripts, "temporal-init.sh"))
	require.NoError(t, err)
	got := map[string]string{}
	for _, pair := range regexp.MustCompile(`(?m)^(\w+)=(Keyword|KeywordList|Text|Int|Double|Bool|Datetime)$`).
		FindAllStringSubmatch(string(content), -1) {
		got[pair[1]] = pair[2]
	}
	require.Equal(t, searchAttributes, got)
}
