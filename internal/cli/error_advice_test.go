package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"
	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
)

// No error of PostgreSQL or Temporal is shown without what it means.
func TestFaultsAreExplained(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"42P01", "42703", "28P01", "28000", "3D000", "42501", "53300", "53100", "25006", "40001", "57P01", "57P03", "08006", "22001", "23514", "XX000",
	} {
		err := fmt.Errorf("list imports: %w", &pgconn.PgError{Code: code, Message: "no"})
		explained := explainFault(err)
		require.ErrorIs(t, explained, err)
		require.Regexp(t, `^list imports: (.|\n)+\n[A-Z].+`, explained.Error(), code)
	}
	for _, raw := range []error{
		serviceerror.NewNotFound("workflow not found"), serviceerror.NewNamespaceNotFound("x"), serviceerror.NewPermissionDenied("no", ""),
		serviceerror.NewUnavailable("no"), serviceerror.NewDeadlineExceeded("late"), serviceerror.NewInvalidArgument("bad"),
		serviceerror.NewQueryFailed("no"), serviceerror.NewAlreadyExists("x"), &serviceerror.ResourceExhausted{Message: "RPS limit"},
	} {
		explained := explainFault(fmt.Errorf("show: %w", raw))
		require.Regexp(t, `^show: .+\n(Temporal|The)('s)? .+`, explained.Error())
	}
	own := errors.New("--file is missing")
	require.Equal(t, own, explainFault(own))
	require.NoError(t, explainFault(nil))
}

// An error about a thing that does not exist names the command that lists those of its kind, and no other error does.
func TestMissingThings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"import 7": "import", "change site a.example: site a.example": "site", "edit job 0192": "job", `revoke token "x"`: "token",
		"create token x: site b.com": "site", "key sluice_a of site b.com": "", "run": "", "job a: not found\njob b": "",
	} {
		err := fmt.Errorf("%s: %w", text, store.ErrNotFound)
		if want == "" {
			require.Equal(t, err, explainFault(err), text)
			continue
		}
		require.EqualError(t, explainFault(err), text+": not found: see `sluice "+want+" list`")
		require.Equal(t, exitRefused, codeOf(explainFault(err)))
	}
	known := fmt.Errorf("site b.com: %w: add it with `sluice site add b.com`", store.ErrNotFound)
	require.Equal(t, known, explainFault(known))
}

// A store without tables names the command that makes them.
func TestMissingTables(t *testing.T) {
	t.Parallel()
	s := offline()
	s.environ = append(s.environ, "SLUICE_STORE_DSN="+enginetest.StoreDSN(t))
	for _, line := range [][]string{{"import", "list"}, {"flow", "list"}, {"site", "list"}, {"job", "list"}, {"connection", "list"}} {
		r := s.run(t, line...)
		require.NotZero(t, r.code)
		require.Contains(t, r.err, "sluice migrate up", line)
	}
}

// What people say of themselves is one line, and bounded.
func TestTextsOfPeople(t *testing.T) {
	t.Parallel()
	app := cli.NewApp()
	app.Flags = []cli.Flag{byFlag(), reasonFlag("")}
	app.Metadata = map[string]any{environKey: []string{}}
	app.Action = func(c *cli.Context) error {
		given := by(c)
		require.Equal(t, "an[2Jn", given.Who)
		require.LessOrEqual(t, inbound.EncodedSize(given.Why), inbound.MaxReason)
		require.True(t, strings.HasPrefix(given.Why, "<<<"))
		return nil
	}
	require.NoError(t, app.Run([]string{"sluice", "--by", "an\x1b[2Jn", "--reason", strings.Repeat("<", 600_000)}))
}
