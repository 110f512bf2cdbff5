package syncbench

import (
	"context"
)

// Memory compares the memory of workers.
type Memory struct {
	// PeakMiB is the peak of a worker that has loaded the list, Larger the load of the larger list, both with no scan
	// for deletions due. Ratio is the peak of the larger one to that of the list.
	PeakMiB float64 `json:"worker_peak_mib"`
	Larger  Load    `json:"larger"`
	Ratio   float64 `json:"ratio"`
	// Scanned is the load of the larger list with a scan, which holds the IDs of all members.
	Scanned Load `json:"scanned"`
	// ScanBytes is what the scan takes for each member.
	ScanBytes float64 `json:"scan_bytes_per_member"`
}

// memory loads the list and a larger one.
func memory(ctx context.Context, cfg Config) (*Memory, error) {
	m, small := &Memory{}, Load{}
	for _, c := range []struct {
		name    string
		members int
		scan    bool
		into    *Load
	}{
		{"small", cfg.Members, false, &small},
		{"large", cfg.Larger * cfg.Members, false, &m.Larger},
		{"scanned", cfg.Larger * cfg.Members, true, &m.Scanned},
	} {
		l, err := loadOnce(ctx, cfg, loading{name: c.name, members: c.members, runs: 1, lifted: true, scan: c.scan})
		if err != nil {
			return nil, err
		}
		*c.into = *l
	}
	m.PeakMiB, m.Ratio = small.PeakMiB, m.Larger.PeakMiB/small.PeakMiB
	m.ScanBytes = (m.Scanned.PeakMiB - m.Larger.PeakMiB) * (1 << 20) / float64(m.Larger.Members)
	return m, nil
}
