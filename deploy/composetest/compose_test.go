package composetest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
)

func TestServices(t *testing.T) {
	t.Parallel()

	t.Run("without a profile everything but the tools starts", func(t *testing.T) {
		t.Parallel()
		want := slices.Concat(jobs, services)
		require.ElementsMatch(t, want, loadProject(t).ServiceNames())
	})
	t.Run("the tools profile adds the tools", func(t *testing.T) {
		t.Parallel()
		want := slices.Concat(jobs, services, tools)
		require.ElementsMatch(t, want, loadProject(t, "tools").ServiceNames())
	})
	t.Run("the file has no obsolete version key", func(t *testing.T) {
		t.Parallel()
		content, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
		require.NoError(t, err)
		require.NotRegexp(t, `(?m)^version:`, string(content))
	})
}

func TestImagesArePinned(t *testing.T) {
	t.Parallel()

	// The first is archived, the second gets no images since server 1.30.
	deprecated := []string{"temporalio/docker-compose", "auto-setup"}
	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		image, tag, found := strings.Cut(service.Image, ":")
		must.True(found, "image %q has no tag", service.Image)
		must.NotContains([]string{"", "latest"}, tag)
		for _, name := range deprecated {
			must.NotContains(image, name)
		}
		if service.Build == nil {
			must.Regexp(`^\d+(\.\d+)*(-[a-z0-9.]+)?$`, tag, "a release, not a moving name")
		}
	})
}

func TestTemporalImagesAgree(t *testing.T) {
	t.Parallel()

	// The server refuses a schema older than its own, so the tools that write
	// the schema must be of the server's release.
	project := loadProject(t, "*")
	_, server, found := strings.Cut(project.Services["temporal"].Image, ":")
	require.True(t, found)
	for _, name := range []string{"temporal-schema", "temporal-init", "temporal-cli"} {
		require.Equal(t, "temporalio/admin-tools:"+server, project.Services[name].Image, name)
	}
}

func TestPortsAreLoopback(t *testing.T) {
	t.Parallel()

	seen := map[string]string{}
	for name, service := range loadProject(t, "*").Services {
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s publishes %s", name, port.Published)
			require.NotContains(t, seen, port.Published, "published twice")
			seen[port.Published] = name
		}
	}
	// The addresses that `sluice` uses by default.
	require.Equal(t, map[string]string{
		portOf(t, config.DefaultTemporalAddress): "temporal", portOf(t, config.DefaultTemporalUIAddress): "temporal-ui",
		portOf(t, config.DefaultStoreAddress): "postgres", portOf(t, config.DefaultWarehouseAddress): "clickhouse",
		portOf(t, config.DefaultEventLogAddress): "eventlog", portOf(t, config.DefaultWorkerAddress): "worker",
		portOf(t, config.DefaultServerAddress): "server", portOf(t, config.DefaultServerHealthAddress): "server",
	}, seen)
}

func TestLifecycle(t *testing.T) {
	t.Parallel()

	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		if slices.Contains(services, service.Name) {
			must.Equal("unless-stopped", service.Restart)
			must.NotNil(service.HealthCheck, "no healthcheck")
			must.NotEmpty(service.HealthCheck.Test)
			must.NotNil(service.HealthCheck.Interval)
			return
		}
		must.Equal("no", service.Restart, "a job that failed must stay failed, and be seen")
	})
}

func TestDependencies(t *testing.T) {
	t.Parallel()

	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		for name, dependency := range service.DependsOn {
			want := types.ServiceConditionHealthy
			if slices.Contains(jobs, name) {
				want = types.ServiceConditionCompletedSuccessfully
			}
			must.Equal(want, dependency.Condition, "on %s", name)
		}
	})

	t.Run("every job is waited for", func(t *testing.T) {
		t.Parallel()
		waited := map[string]bool{}
		for _, service := range loadProject(t).Services {
			for name := range service.DependsOn {
				waited[name] = true
			}
		}
		for _, job := range jobs {
			require.True(t, waited[job], "no service waits for %s", job)
		}
	})
	t.Run("a worker starts when all it needs is there", func(t *testing.T) {
		t.Parallel()
		worker := loadProject(t).Services["worker"]
		require.ElementsMatch(t, []string{"migrate", "temporal-init", "postgres", "clickhouse", "eventlog"},
			worker.GetDependencies())
	})
	t.Run("a server starts when all it needs is there", func(t *testing.T) {
		t.Parallel()
		server := loadProject(t).Services["server"]
		require.ElementsMatch(t, []string{"migrate", "postgres", "eventlog"}, server.GetDependencies())
	})
	t.Run("processes get longer to stop than they give their work", func(t *testing.T) {
		t.Parallel()
		project := loadProject(t)
		for name, needed := range map[string]time.Duration{
			"worker": settingsOf(t, project, "worker").Worker.StopTimeout,
			"server": settingsOf(t, project, "server").Server.StopDelay + settingsOf(t, project, "server").Server.StopTimeout,
		} {
			grace := project.Services[name].StopGracePeriod
			require.NotNil(t, grace, name)
			require.GreaterOrEqual(t, time.Duration(*grace), needed+5*time.Second, name)
		}
	})
}

func TestHardening(t *testing.T) {
	t.Parallel()

	// These two start as root to own their volume, and leave root themselves.
	startAsRoot := []string{"postgres", "clickhouse"}
	each(t, func(must *require.Assertions, _ *types.Project, service types.ServiceConfig) {
		must.False(service.Privileged)
		must.Contains(service.SecurityOpt, "no-new-privileges:true")
		must.NotEqual("root", service.User)
		if slices.Contains(startAsRoot, service.Name) {
			return
		}
		must.True(service.ReadOnly, "root file system is writable")
		must.Equal([]string{"ALL"}, service.CapDrop)
	})
}

func TestVolumes(t *testing.T) {
	t.Parallel()

	project := loadProject(t, "*")
	for key, volume := range project.Volumes {
		require.Regexp(t, `^sluice-`, volume.Name, key)
	}
	each(t, func(must *require.Assertions, project *types.Project, service types.ServiceConfig) {
		for _, mount := range service.Volumes {
			switch mount.Type {
			case types.VolumeTypeVolume:
				must.Contains(project.Volumes, mount.Source, "an anonymous volume is lost on `down`")
			case types.VolumeTypeBind:
				must.True(mount.ReadOnly, "%s is writable", mount.Target)
				// A missing source would be made by the engine, as a folder of root's.
				_, err := os.Stat(mount.Source)
				must.NoError(err)
			default:
				must.Failf("unexpected mount", "%s of type %s", mount.Target, mount.Type)
			}
		}
	})

	t.Run("imports are read-only in every worker", func(t *testing.T) {
		t.Parallel()
		mounts := project.Services["worker"].Volumes
		require.True(t, slices.ContainsFunc(mounts, func(m types.ServiceVolumeConfig) bool {
			return m.Target == "/imports" && m.ReadOnly
		}))
	})
	t.Run("servers write uploads, and workers read them", func(t *testing.T) {
		t.Parallel()
		dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
		require.NoError(t, err)
		user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(string(dockerfile))
		require.Len(t, user, 2)
		for name, readOnly := range map[string]bool{"server": false, "worker": true} {
			service := project.Services[name]
			folder := service.Environment["SLUICE_SERVER_UPLOAD_DIR"]
			require.NotNil(t, folder, name)
			at := slices.IndexFunc(service.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Target == *folder })
			require.GreaterOrEqual(t, at, 0, "%s has no volume at %s", name, *folder)
			require.Equal(t, "uploads", service.Volumes[at].Source, name)
			require.Equal(t, readOnly, service.Volumes[at].ReadOnly, name)
			require.Contains(t, string(dockerfile), "--chown="+user[1]+" /out/uploads "+*folder+"\n", "the owner of a new volume")
		}
	})
}
