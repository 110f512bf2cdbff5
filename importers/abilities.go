package importers

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Locker is an Importer that says itself what its imports lock. Imports run at the same
// time where their dependencies do not conflict. One that is no Locker locks
// SiteResource exclusively.
type Locker interface {
	// Dependencies returns what an import locks, at most MaxDependencies. It does no
	// I/O, is called before the import exists, and depends on the arguments alone.
	Dependencies(site string, args []byte) ([]Dependency, error)
}

// Dependency is a resource that an import locks while it runs.
type Dependency struct {
	// Resource names it: 1 to MaxResource bytes, for instance "site:example.com".
	Resource string `json:"resource"`
	// Shared lets other imports have it at the same time, if they share it too.
	Shared bool `json:"shared,omitempty"`
}

// Limits of an import's dependencies.
const (
	// MaxDependencies is how many resources an import can lock.
	MaxDependencies = 50
	// MaxResource is the length limit of a resource's name, in bytes.
	MaxResource = 200
)

// SiteResource is the resource that stands for all imported data of a site.
func SiteResource(site string) string { return "site:" + site }

// Fingerprinter is an Importer that can tell cheaply whether a source is the one that
// was imported before. An import whose fingerprint is that of a completed import of its
// kind and site ends as unchanged, before any work.
type Fingerprinter interface {
	// Fingerprint returns a hash of the content that the import would read, and of the
	// arguments that matter to how it is read: at most MaxFingerprint bytes, or "" if
	// it cannot tell. It is called after BeforeStart.
	Fingerprint(ctx context.Context, imp Import) (string, error)
}

// MaxFingerprint is the length limit of a fingerprint, in bytes.
const MaxFingerprint = 200

// Reviewed is an Importer whose imports wait for a review before their rows become
// visible, unless the person who starts one says otherwise.
type Reviewed interface {
	// ReviewByDefault says whether they do.
	ReviewByDefault() bool
}

// Stager is an Importer with something to do when its import is accepted, such as moving
// rows of its own out of a staging area.
type Stager interface {
	// StageDone runs in the transaction of the decision: both happen, or neither. If it
	// fails the import goes on waiting for a decision. It may be called again after it
	// has failed or its transaction was lost.
	StageDone(ctx context.Context, tx pgx.Tx, imp Import) error
}
