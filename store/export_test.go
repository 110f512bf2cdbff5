package store

import (
	"github.com/sluicehq/sluice/store/internal/db"
)

// JobsNaming says how many jobs name a connection, where most bounds how many were looked at.
func JobsNaming(counts []db.ConnectionJobsRow, most int64) string { return jobsNaming(counts, most) }
