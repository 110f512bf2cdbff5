package delivery

// ListJobsStatement is what ListJobs runs.
func ListJobsStatement(f JobFilter, p Page) (statement string, args []any) { return listJobs(f, p) }

// ListEventsStatement is what ListEvents runs.
func ListEventsStatement(f EventFilter, p Page) (statement string, args []any) {
	return listEvents(f, p)
}
