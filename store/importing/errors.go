package importing

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store"
)

// Errors of imports that callers act on, beside those of package store.
var (
	// ErrUnlocked means that the import does not hold the caller's grant of its locks: it must
	// acquire them again.
	ErrUnlocked = errors.New("the import does not hold its locks")
	// ErrMaxImports means that a site has as many imports as it may. It is a store.ErrLimit.
	ErrMaxImports = fmt.Errorf("%w", store.ErrLimit)
	// ErrUnfinished means that parts of an import are neither done nor skipped, or that it has
	// none: it must be loaded before it can be published.
	ErrUnfinished = errors.New("the import is not loaded in full")
	// ErrDecided means that a review has its decision already.
	ErrDecided = errors.New("decided already")
	// ErrSelfReview means that the one who started an import must not accept it.
	ErrSelfReview = errors.New("the requester cannot approve their own import")
	// ErrOverlap means that days were brought in by another import meanwhile.
	ErrOverlap = errors.New("days imported by another import meanwhile")
)
