package composetest

import (
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// root is the repository; scripts is where compose finds what it mounts.
const (
	root    = "../.."
	scripts = root + "/deploy/compose"
)

// What runs once and what runs on. A service in neither list fails a test, so
// that a new one is thought about.
var (
	jobs     = []string{"migrate", "temporal-init", "temporal-schema"}
	services = []string{"clickhouse", "eventlog", "postgres", "server", "temporal", "temporal-ui", "worker"}
	tools    = []string{"sluice", "temporal-cli"}
)

// loadProject reads docker-compose.yml as `docker compose config` would, in an
// environment that sets nothing: schema, interpolation and consistency are all
// checked by the loader.
func loadProject(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	return loadProjectIn(t, nil, profiles...)
}

// loadProjectIn is loadProject in an environment, as KEY=value.
func loadProjectIn(t *testing.T, environ []string, profiles ...string) *types.Project {
	t.Helper()

	file, err := filepath.Abs(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	options, err := cli.NewProjectOptions(
		[]string{file},
		cli.WithWorkingDirectory(filepath.Dir(file)),
		cli.WithProfiles(profiles),
		cli.WithEnv(environ),
		cli.WithInterpolation(true),
		cli.WithNormalization(true),
		cli.WithConsistency(true),
	)
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// each runs check as a parallel subtest for every service of every profile.
func each(t *testing.T, check func(must *require.Assertions, project *types.Project, service types.ServiceConfig)) {
	t.Helper()

	project := loadProject(t, "*")
	require.NotEmpty(t, project.Services)
	for name, service := range project.Services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(require.New(t), project, service)
		})
	}
}
