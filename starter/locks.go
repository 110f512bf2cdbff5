package starter

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/access"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Lock is an import that holds a resource or waits for it: the JSON of the command line and of the API. Fields are only
// ever added.
type Lock struct {
	Resource string `json:"resource"`
	// Mode is shared or exclusive, State held or waiting.
	Mode         string     `json:"mode"`
	State        string     `json:"state"`
	ImportID     int64      `json:"import_id"`
	Site         string     `json:"site"`
	RequestedAt  time.Time  `json:"requested_at"`
	GrantedAt    *time.Time `json:"granted_at"`
	FencingToken int64      `json:"fencing_token"`

	// Place is where the import stands in the queue of the resource.
	Place int64 `json:"-"`
}

// LockFilter selects locks.
type LockFilter struct {
	// Resource selects those of a resource, such as site:example.com; "" for all.
	Resource string
	// AfterResource and AfterPlace are those of the last lock of the page before.
	AfterResource string
	AfterPlace    int64
	Limit         int
}

// Locks returns up to Limit locks of the imports of a scope: holders and waiters of each resource, in order.
func (s *Starter) Locks(ctx context.Context, scope access.Scope, f LockFilter) ([]Lock, error) {
	q := importstore.LockQuery{
		Domains: scope.Domains(), AfterResource: f.AfterResource, AfterSeq: f.AfterPlace, RowLimit: int32(f.Limit),
	}
	if f.Resource != "" {
		q.Resource = &f.Resource
	}
	rows, err := s.Store.Imports.ListLocks(ctx, q)
	if err != nil {
		return nil, err
	}
	locks := make([]Lock, len(rows))
	for i, l := range rows {
		locks[i] = Lock{
			Resource: l.Resource, Mode: "exclusive", State: "waiting", ImportID: l.ImportID, Site: l.Domain,
			RequestedAt: l.RequestedAt, GrantedAt: l.GrantedAt, FencingToken: l.FencingToken, Place: l.Seq,
		}
		if l.Shared {
			locks[i].Mode = "shared"
		}
		if l.GrantedAt != nil {
			locks[i].State = "held"
		}
	}
	return locks, nil
}
