package importing

import (
	"github.com/sluicehq/sluice/store/internal/db"
)

// Rows about imports.
type (
	// Site is an analytics property.
	Site = db.Site
	// Import is one run of an importer.
	Import = db.Import
	// Summary is an import with its site and the sums of its parts.
	Summary = db.ImportSummariesRow
	// Part is a part of an import.
	Part = db.Part
	// Chunk is a chunk that the warehouse has acknowledged.
	Chunk = db.Chunk
	// Feedback is a line of an import's log.
	Feedback = db.Feedback
	// Dependency is a resource that an import locks.
	Dependency = db.Dependency
	// Review is the review of an import.
	Review = db.Review
	// ReviewSummary is a review with what people want to know about its import.
	ReviewSummary = db.ListReviewsRow
	// Lock is an import that waits for a resource, or has it.
	Lock = db.ListLocksRow
	// LockQuery selects locks: of a resource, of the sites with Domains (nil for all), and behind a place in the queue
	// of a resource.
	LockQuery = db.ListLocksParams
)
