package composetest

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// secretVariable matches the name of a variable whose value must not be in the
// file. The address of a server is among them, because it holds a password.
var secretVariable = regexp.MustCompile(`(?i)(passw|pwd|secret|token|credential|api_?key|dsn)`)

// userInfo matches an address with a password inside.
var userInfo = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`)

func TestNoSecretInEnvironment(t *testing.T) {
	t.Parallel()

	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		for name, value := range service.Environment {
			must.NotNil(value, "%s is passed through from the shell", name)
			must.NotRegexp(userInfo, *value, name)
			if secretVariable.MatchString(name) {
				must.True(strings.HasSuffix(name, "_FILE"), "%s holds a secret", name)
				must.True(strings.HasPrefix(*value, "/run/secrets/"), "%s=%s", name, *value)
			}
		}
		for _, word := range slices.Concat(service.Command, service.Entrypoint) {
			must.NotRegexp(userInfo, word)
		}
	})
}

func TestSecretsAreFiles(t *testing.T) {
	t.Parallel()

	project := loadProject(t, "*")
	made := run(t, nil, filepath.Join(scripts, "secrets.sh"), filepath.Join(t.TempDir(), "secrets"))
	require.Zero(t, made.status, made.stderr)
	for name, secret := range project.Secrets {
		require.NotEmpty(t, secret.File, "%s is not a file", name)
		require.Equal(t, name, filepath.Base(secret.File))
		require.Contains(t, made.stdout, "created "+name+"\n", "secrets.sh does not make it")
	}

	each(t, func(must *require.Assertions, project *types.Project, service types.ServiceConfig) {
		given := map[string]bool{}
		for _, secret := range service.Secrets {
			must.Contains(project.Secrets, secret.Source)
			given["/run/secrets/"+secret.Source] = true
		}
		// What a service reads it must have been given: a path with no secret
		// behind it only fails when the container starts.
		for _, path := range secretPaths(service) {
			must.True(given[path], "%s is read but not given", path)
		}
	})
}

// secretPaths lists the secret files named in a service's environment and command.
func secretPaths(service types.ServiceConfig) []string {
	path := regexp.MustCompile(`/run/secrets/\w+`)
	found := path.FindAllString(strings.Join(service.Command, " "), -1)
	for _, value := range service.Environment {
		if value != nil {
			found = append(found, path.FindAllString(*value, -1)...)
		}
	}
	return found
}

// Connections' secrets and the salts of the ingestion are encrypted with the key set.
func TestProcessesHaveAKeyset(t *testing.T) {
	t.Parallel()
	project := loadProject(t, "*")
	for _, name := range []string{"worker", "server", "sluice"} {
		environment := project.Services[name].Environment
		require.NotNil(t, environment["SLUICE_CONNECTIONS_KEYSET_FILE"], name)
		require.Equal(t, "/run/secrets/keyset", *environment["SLUICE_CONNECTIONS_KEYSET_FILE"])
		require.Equal(t, "/imports", *environment["SLUICE_CSV_ROOTS"], "what is mounted, and nothing else")
	}
}
