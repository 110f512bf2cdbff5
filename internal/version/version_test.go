package version

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

const revision = "0123456789abcdef0123456789abcdef01234567"

func TestDescribe(t *testing.T) {
	t.Parallel()

	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs.revision", Value: revision},
			{Key: "vcs.time", Value: "2026-11-20T09:00:00Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}

	tests := []struct {
		name  string
		build build
		info  *debug.BuildInfo
		want  string
	}{
		{
			name:  "nothing known",
			build: build{version: "dev"},
			want:  "dev (" + platform + ")",
		},
		{
			name:  "linker set everything",
			build: build{version: "v1.4.0", commit: revision, date: "2026-11-21T00:00:00Z"},
			want:  "v1.4.0 (commit 0123456789ab, 2026-11-21T00:00:00Z, " + platform + ")",
		},
		{
			name:  "linker wins over build information",
			build: build{version: "v1.4.0", commit: "fedcba987654", date: "2026-11-21T00:00:00Z"},
			info:  &debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}, Settings: vcs("true")},
			want:  "v1.4.0 (commit fedcba987654, 2026-11-21T00:00:00Z, " + platform + ")",
		},
		{
			name:  "build information fills the gaps",
			build: build{version: "dev"},
			info:  &debug.BuildInfo{Main: debug.Module{Version: "v1.5.0"}, Settings: vcs("false")},
			want:  "v1.5.0 (commit 0123456789ab, 2026-11-20T09:00:00Z, " + platform + ")",
		},
		{
			name:  "a module's own tree keeps dev and is marked dirty",
			build: build{version: "dev"},
			info:  &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: vcs("true")},
			want:  "dev (commit 0123456789ab-dirty, 2026-11-20T09:00:00Z, " + platform + ")",
		},
		{
			name:  "dirty without a revision says nothing",
			build: build{version: "dev"},
			info:  &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}},
			want:  "dev (" + platform + ")",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, describe(tt.build, tt.info))
		})
	}
}

func TestStringNamesTheToolchain(t *testing.T) {
	t.Parallel()

	got := String()
	require.Contains(t, got, runtime.Version())
	require.Regexp(t, `^\S+ \(.+\)$`, got)
}
