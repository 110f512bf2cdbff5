package ports

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder describes the process that listens on a port of this machine, such as
// `process 4711 (/usr/lib/postgresql/18/bin/postgres)`. It returns "" when that
// cannot be found out, for example because the process is another user's.
func Holder(port int) string {
	inodes := listeners(port)
	if len(inodes) == 0 {
		return ""
	}
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return ""
	}
	for _, proc := range procs {
		if holdsAny(proc, inodes) {
			return describe(proc)
		}
	}
	return ""
}

// listeners returns the socket names ("socket:[12345]") that listen on port.
func listeners(port int) map[string]bool {
	found := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // no IPv6, or no /proc: then there is nothing to say
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[3] != "0A" { // 0A is LISTEN
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
				found["socket:["+fields[9]+"]"] = true
			}
		}
		if err := f.Close(); err != nil {
			continue
		}
	}
	return found
}

func holdsAny(proc string, sockets map[string]bool) bool {
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return false // another user's, or gone
	}
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(proc, "fd", fd.Name())); err == nil && sockets[target] {
			return true
		}
	}
	return false
}

func describe(proc string) string {
	pid := filepath.Base(proc)
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil || len(cmdline) == 0 {
		return "process " + pid
	}
	// Arguments may hold secrets; the first words say enough.
	words := strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	return fmt.Sprintf("process %s (%s)", pid, strings.Join(words[:min(len(words), 2)], " "))
}
