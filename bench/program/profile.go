package program

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// profileVariable names the variable of the environment with the folder of profiles.
const profileVariable = "BENCH_PROFILE"

// ProfileIn is the variable of the environment that makes the processes of a benchmark write profiles of their
// processor time to a folder, "" for none: see Role.
func ProfileIn(folder string) string { return profileVariable + "=" + folder }

// profiled runs a role and writes its profile of the processor time to ROLE.cpu, if one is required.
func profiled(role string, run func() error) (err error) {
	folder := os.Getenv(profileVariable)
	if folder == "" {
		return run()
	}
	f, err := os.Create(filepath.Join(folder, role+".cpu")) //nolint:gosec // G703: the user names the folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return run()
}
