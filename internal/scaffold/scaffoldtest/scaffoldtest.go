// Package scaffoldtest builds generated code in a module outside this checkout.
package scaffoldtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/scaffold"
)

// Module is a module that uses this checkout in place of a release.
type Module struct {
	// Checkout is this checkout, Dir the module.
	Checkout, Dir string

	tb testing.TB
}

// New writes the files of a module into a folder of the test.
func New(tb testing.TB, files func(checkout string) ([]scaffold.File, error)) *Module {
	tb.Helper()
	m := &Module{Dir: tb.TempDir(), tb: tb}
	var err error
	// Tests run in the folders of their packages, which are below internal.
	m.Checkout, err = filepath.Abs("../..")
	require.NoError(tb, err)
	// A build of this checkout does not need the go.mod files of all versions that its dependencies name, and a module
	// outside does. The sums of this checkout have them.
	m.run(m.Checkout, []string{"mod", "graph"}, "GOWORK=off")
	written, err := files(m.Checkout)
	require.NoError(tb, err)
	_, err = scaffold.Write(m.Dir, written)
	require.NoError(tb, err)
	sums, err := os.ReadFile(filepath.Join(m.Checkout, "go.sum"))
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(filepath.Join(m.Dir, "go.sum"), sums, 0o600)) //nolint:gosec // a folder of the test
	return m
}

// Go runs the go command in the module, without a network, and returns its output.
func (m *Module) Go(args ...string) string {
	m.tb.Helper()
	return m.run(m.Dir, args, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
}

func (m *Module) run(dir string, args []string, environ ...string) string {
	m.tb.Helper()
	cmd := exec.CommandContext(m.tb.Context(), "go", args...) //nolint:gosec // the arguments are those of tests
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	require.NoErrorf(m.tb, err, "go %s: %s", strings.Join(args, " "), out)
	return string(out)
}
