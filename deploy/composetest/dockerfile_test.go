package composetest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDockerfile(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	dockerfile := string(content)

	t.Run("base images are pinned", func(t *testing.T) {
		t.Parallel()
		bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1)
		require.Len(t, bases, 2)
		require.Regexp(t, `^golang:\d+\.\d+\.\d+-alpine$`, bases[0][1])
		require.Equal(t, "scratch", bases[1][1])
	})
	t.Run("the compiler is new enough for the module", func(t *testing.T) {
		t.Parallel()
		mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
		require.NoError(t, err)
		wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
		require.Len(t, wanted, 2)
		require.Contains(t, dockerfile, "FROM golang:"+wanted[1]+".")
	})
	t.Run("runs the worker without privileges", func(t *testing.T) {
		t.Parallel()
		require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, dockerfile)
		require.Regexp(t, `(?m)^HEALTHCHECK `, dockerfile)
		require.Contains(t, dockerfile, "CGO_ENABLED=0")
		require.Contains(t, dockerfile, "/etc/ssl/certs/ca-certificates.crt")
	})
}
