package postgres

import (
	"maps"
	"net"
	"slices"
	"strings"
)

// serverArgs are the arguments of the server program. The first one is its
// whole path, by which it finds its libraries and templates.
func serverArgs(cfg Config, program string) ([]string, error) {
	host, port, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, err
	}
	settings := map[string]string{
		"listen_addresses": host,
		"port":             port,
		// No socket: there is no folder that every account can write to and
		// whose path is short enough on every system.
		"unix_socket_directories": "",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_line_prefix":         "%m [%p] ",
		// An import's progress makes checkpoints frequent; they are not news.
		"log_checkpoints": "off",
		// What a killed process must not lose. The defaults, said here because
		// they are what the store's promises rest on.
		"fsync":              "on",
		"full_page_writes":   "on",
		"synchronous_commit": "on",
		// Modest: several stacks may run beside each other.
		"shared_buffers":  "64MB",
		"max_connections": "200",
		"jit":             "off",
		"timezone":        "UTC",
		"log_timezone":    "UTC",
	}
	maps.Copy(settings, cfg.Settings)
	args := []string{program, "-D", cfg.clusterDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args, nil
}

// serverEnv is env without what would change the server's behaviour, such as a
// developer's PGDATA or PGPORT, and with English messages.
func serverEnv(env []string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "LC_") || strings.HasPrefix(kv, "LANG") {
			continue
		}
		out = append(out, kv)
	}
	return append(out, "LC_ALL=C")
}
