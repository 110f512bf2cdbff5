package config

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"time"
)

// EventLog configures the event log: NATS JetStream.
type EventLog struct {
	// URL is the address of NATS, or several separated by commas: nats://host:4222, or tls://.
	// Defaults to none: the worker writes no events, and the server does not start.
	URL string `yaml:"url"`
	// Token authenticates with NATS. Defaults to none. `sluice server --embedded-log` requires it.
	Token string `yaml:"token"`
	// Credentials is a file with NATS credentials. Defaults to none.
	Credentials string `yaml:"credentials"`
	// CAFile is a PEM file with the CA certificates for NATS. Defaults to the system's.
	CAFile string `yaml:"ca_file"`
	// Partitions is the number of partitions, fixed once the log exists. Defaults to 0: as many as the log has, and 4
	// for a new one.
	Partitions int `yaml:"partitions"`
	// Streams is the number of streams of a new log, which its partitions share. Defaults to 1.
	Streams int `yaml:"streams"`
	// Replicas is the number of servers of a cluster that store each event. Defaults to 1.
	Replicas int `yaml:"replicas"`
	// MaxMiB bounds the stored events of all partitions together. Defaults to 16384.
	MaxMiB int64 `yaml:"max_mib"`
	// Dir is the folder of the log of `sluice server --embedded-log`. Defaults to none.
	Dir string `yaml:"dir"`
	// SyncInterval is how often the embedded log is synced to disk. Defaults to 0: before each
	// acknowledgement.
	SyncInterval time.Duration `yaml:"sync_interval"`
}

func defaultEventLog() EventLog {
	return EventLog{Streams: 1, Replicas: 1, MaxMiB: 16384}
}

const (
	// newPartitions is the number of partitions of a new log.
	newPartitions = 4
	// minPartitionMiB is the least room of a partition.
	minPartitionMiB = 4
)

// validate never quotes the URL, which may have a password.
func (e EventLog) validate(check func(ok bool, format string, args ...any)) {
	for i, item := range listed(e.URL) {
		u, err := url.Parse(item)
		check(err == nil && u.Host != "" && (u.Scheme == "nats" || u.Scheme == "tls"),
			"eventlog.url: address %d is invalid: want nats://host:4222 or tls://host:4222", i+1)
	}
	check(e.Token == "" || e.Credentials == "", "eventlog.token and eventlog.credentials are both set: use one")
	check(e.Partitions == 0 || oneTo(256, e.Partitions), "eventlog.partitions is %d: want 1 to 256, or 0", e.Partitions)
	partitions := cmp.Or(e.Partitions, newPartitions)
	check(oneTo(partitions, e.Streams),
		"eventlog.streams is %d: want 1 to %d, the number of partitions", e.Streams, partitions)
	check(oneTo(5, e.Replicas), "eventlog.replicas is %d: want 1 to 5", e.Replicas)
	least := minPartitionMiB * int64(partitions)
	check(e.MaxMiB >= least && e.MaxMiB <= 1<<30,
		"eventlog.max_mib is %d: want %d to 1073741824 for %d partitions", e.MaxMiB, least, partitions)
	check(e.SyncInterval >= 0, "eventlog.sync_interval is %s: want at least 0", e.SyncInterval)
}

// EmbeddedAddress returns where the embedded log listens: the only address of URL. The error says
// which setting of the embedded log is missing or wrong.
func (e EventLog) EmbeddedAddress() (string, error) {
	var faults []error
	address := ""
	if all := listed(e.URL); len(all) == 1 {
		if u, err := url.Parse(all[0]); err == nil && u.Scheme == "nats" && u.User == nil {
			address = u.Host
		}
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		faults = append(faults, errors.New("eventlog.url: the embedded log listens there: want nats://127.0.0.1:4222"))
	}
	if e.Token == "" {
		faults = append(faults, errors.New("eventlog.token is empty: the embedded log wants a random text"))
	}
	if e.Dir == "" {
		faults = append(faults, errors.New("eventlog.dir is empty: the embedded log wants a folder"))
	}
	if e.Replicas != 1 {
		faults = append(faults, errors.New("eventlog.replicas: the embedded log has one server: want 1"))
	}
	return address, errors.Join(faults...)
}
