package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Limits of a request.
const (
	maxKey    = 200
	maxBy     = 200
	maxLabel  = 200
	maxNotify = 20
)

// StartImport creates an import and starts its workflow. Should the caller die in
// between, a worker starts it within a minute. Repeated under the same idempotency
// key it returns the import of the first time. The errors are those of CreateImport and, if it
// waits for the check of the source, a CheckError.
func (s *Starter) StartImport(ctx context.Context, r Request) (importstore.Import, error) {
	imp, err := s.CreateImport(ctx, r)
	if err != nil {
		return importstore.Import{}, err
	}
	imp, err = s.Launch(ctx, imp, r.Site)
	if err != nil || r.CheckTimeout <= 0 {
		return imp, err
	}
	return s.AwaitCheck(ctx, imp, r.CheckTimeout)
}

// CreateImport creates an import without starting its workflow, which is left to Launch
// or, half a minute later, to a worker. The errors are ErrInvalid with every fault of the request,
// store.ErrNotFound for an unknown site, and store.ErrLimit.
func (s *Starter) CreateImport(ctx context.Context, r Request) (importstore.Import, error) {
	site, importer, args, err := s.check(ctx, r)
	if err != nil {
		return importstore.Import{}, err
	}
	n, err := s.newImport(site, importer, args, r)
	if err != nil {
		return importstore.Import{}, err
	}
	entry := store.AuditEntry{
		Operation: "import.start", SubjectType: "import", Site: site.Domain,
		After: startDocument{
			Source: r.Source, Label: n.Label, Args: args, By: r.By, Review: r.Review, RowsPerSecond: r.RowsPerSecond,
		},
	}
	imp, err := store.AuditedResult(ctx, s.Store.Store, entry, func(ctx context.Context) (importstore.Import, error) {
		imp, _, err := s.Store.Imports.CreateImport(ctx, n)
		return imp, err
	})
	if err != nil {
		return importstore.Import{}, fmt.Errorf("site %s: %w", site.Domain, err)
	}
	return imp, nil
}

// startDocument is what the audit says about a request.
type startDocument struct {
	Source        string          `json:"source"`
	Label         string          `json:"label"`
	Args          json.RawMessage `json:"args"`
	By            string          `json:"by,omitempty"`
	Review        *bool           `json:"review,omitempty"`
	RowsPerSecond int64           `json:"rows_per_second,omitempty"`
}

// check finds what a request names, and brings its arguments into normal form.
func (s *Starter) check(
	ctx context.Context, r Request,
) (site importstore.Site, importer importers.Importer, args json.RawMessage, err error) {
	site, err = s.Store.Imports.Site(ctx, r.Site)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: add it with `sluice site add %s`", err, r.Site)
	}
	if err == nil {
		importer, err = s.Registry.Lookup(r.Source)
		err = call.Mark(err, ErrInvalid)
	}
	if err != nil {
		return site, nil, nil, err
	}
	args, err = importer.ParseArgs(r.Args)
	if err != nil {
		return site, nil, nil, call.Mark(fmt.Errorf("arguments of %s: %w", r.Source, err), ErrInvalid)
	}
	return site, importer, args, call.Mark(checkLengths(r), ErrInvalid)
}

func checkLengths(r Request) error {
	faults := []error{}
	if len(r.IdempotencyKey) > maxKey {
		faults = append(faults, fmt.Errorf("the idempotency key has %d bytes: at most %d are allowed",
			len(r.IdempotencyKey), maxKey))
	}
	if len(r.Label) > maxLabel {
		faults = append(faults, fmt.Errorf("the label has %d bytes: at most %d are allowed", len(r.Label), maxLabel))
	}
	if len(r.By) > maxBy {
		faults = append(faults, fmt.Errorf("the name of who asks has %d bytes: at most %d are allowed", len(r.By), maxBy))
	}
	if len(r.Notify) > maxNotify {
		faults = append(faults, fmt.Errorf("%d addresses to notify: at most %d are allowed", len(r.Notify), maxNotify))
	}
	for _, address := range r.Notify {
		if _, err := mail.ParseAddress(address); err != nil {
			faults = append(faults, fmt.Errorf("%q is not an e-mail address: want something like ann@example.com", address))
		}
	}
	if r.RowsPerSecond < 0 {
		faults = append(faults, fmt.Errorf("%d rows a second: want 0, for no bound, or more", r.RowsPerSecond))
	}
	return errors.Join(faults...)
}

func (s *Starter) newImport(
	site importstore.Site, importer importers.Importer, args json.RawMessage, r Request,
) (importstore.NewImport, error) {
	settings := s.Defaults
	if r.Settings != nil {
		settings = *r.Settings
	}
	n := importstore.NewImport{
		ImportFields: importstore.ImportFields{
			SiteID: site.ID, Source: importer.Name(), Label: r.Label, Args: args,
			OnPartFailure: settings.OnPartFailure, MaxRejects: settings.MaxRejects, MaxRejectShare: settings.MaxRejectShare,
			MaxRejectCeiling: settings.MaxRejectCeiling,
			ChunkRows:        int32(settings.ChunkRows), ChunkBytes: int32(settings.ChunkBytes),
			Parallelism: int32(settings.Parallelism),
			RequestedBy: r.By, Notify: r.Notify, Rate: r.RowsPerSecond, Schedule: r.Schedule,
			Review: needsReview(importer, r), RequireSecondApprover: s.Review.RequireSecondApprover,
			ReviewReminderS: max(1, int64(s.Review.Reminder/time.Second)),
			ReviewExpiryS:   max(1, int64(s.Review.Expiry/time.Second)),
		},
		MaxPerSite: s.Limits.ImportsPerSite,
	}
	if n.Label == "" {
		n.Label = importer.Label()
	}
	if r.IdempotencyKey != "" {
		n.IdempotencyKey = &r.IdempotencyKey
	}
	var err error
	n.Dependencies, err = dependencies(importer, site.Domain, args)
	return n, err
}

// needsReview says whether an import waits for a decision.
func needsReview(importer importers.Importer, r Request) bool {
	if r.Review != nil {
		return *r.Review
	}
	reviewed, ok := importer.(importers.Reviewed)
	return ok && reviewed.ReviewByDefault()
}

// dependencies returns what an import locks.
func dependencies(importer importers.Importer, site string, args json.RawMessage) ([]importstore.Dependency, error) {
	list := []importers.Dependency{{Resource: importers.SiteResource(site)}}
	if locker, ok := importer.(importers.Locker); ok {
		var err error
		if list, err = locker.Dependencies(site, args); err != nil {
			return nil, fmt.Errorf("dependencies of %s: %w", importer.Name(), err)
		}
	}
	if len(list) > importers.MaxDependencies {
		return nil, fmt.Errorf("importer %s: %d dependencies: at most %d are allowed",
			importer.Name(), len(list), importers.MaxDependencies)
	}
	all := make([]importstore.Dependency, 0, len(list))
	seen := map[string]bool{}
	for _, d := range list {
		switch {
		case d.Resource == "" || len(d.Resource) > importers.MaxResource:
			return nil, fmt.Errorf("importer %s: a resource of %d bytes: want 1 to %d",
				importer.Name(), len(d.Resource), importers.MaxResource)
		case seen[d.Resource]:
			return nil, fmt.Errorf("importer %s: resource %q is given twice", importer.Name(), d.Resource)
		}
		seen[d.Resource] = true
		all = append(all, importstore.Dependency{Resource: d.Resource, Shared: d.Shared})
	}
	return all, nil
}
