// Package noop is an importer without a source, for tests and drills: it generates rows, and
// its arguments make callbacks fail, panic or wait.
package noop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Importer generates rows. It is safe for concurrent use.
type Importer struct {
	mu sync.Mutex
	// calls counts the failing calls for FailTimes.
	calls map[call]int
}

type call struct {
	importID int64
	callback string
}

var (
	_ importers.Importer = (*Importer)(nil)
	_ importers.Cleaner  = (*Importer)(nil)

	_ importers.Locker        = (*Importer)(nil)
	_ importers.Fingerprinter = (*Importer)(nil)
	_ importers.Stager        = (*Importer)(nil)
)

// New returns a noop importer. It counts failing calls in memory.
func New() *Importer { return &Importer{calls: make(map[call]int)} }

// Name returns "noop".
func (*Importer) Name() string { return "noop" }

// Label returns the name for users.
func (*Importer) Label() string { return "No operation" }

// EmailTemplate names the templates of the mails about this kind of import.
func (*Importer) EmailTemplate() string { return "noop_import" }

// Arguments documents Args.
func (*Importer) Arguments() []importers.Argument { return importers.ArgumentsOf(Args{}) }

// ParseArgs validates arguments of type Args and fills in the defaults.
func (*Importer) ParseArgs(raw json.RawMessage) (json.RawMessage, error) {
	args, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(args)
}

// BeforeStart returns Args.Data, or fails as configured.
func (n *Importer) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	if err := n.hook(ctx, imp, BeforeStart); err != nil {
		return nil, err
	}
	args, err := stored(imp)
	return args.Data, err
}

// Plan divides the rows among the parts; the first parts have one more if they do not divide
// evenly.
func (n *Importer) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	if err := n.hook(ctx, imp, Plan); err != nil {
		return importers.Plan{}, err
	}
	args, err := stored(imp)
	if err != nil {
		return importers.Plan{}, err
	}
	if args.Unchanged {
		return importers.Plan{}, fmt.Errorf("as configured: %w", importers.ErrUnchanged)
	}
	plan := importers.Plan{Range: args.days(), Parts: make([]importers.Part, args.Parts)}
	next, share, more := int64(0), args.Rows/int64(args.Parts), args.Rows%int64(args.Parts)
	for i := range plan.Parts {
		rows := span{First: next, End: next + share}
		if int64(i) < more {
			rows.End++
		}
		next = rows.End
		raw, err := json.Marshal(rows)
		if err != nil {
			return importers.Plan{}, fmt.Errorf("write part: %w", err)
		}
		plan.Parts[i] = importers.Part{
			No: i, Table: schema.Visitors, Label: fmt.Sprintf("part %d of %d", i+1, args.Parts),
			Args: raw, Bytes: (rows.End - rows.First) * RowBytes, Days: calendar.NewSet(plan.Range),
		}
	}
	return plan, nil
}

// Finalize does nothing, or fails as configured.
func (n *Importer) Finalize(ctx context.Context, imp importers.Import, _ importers.Result) error {
	return n.hook(ctx, imp, Finalize)
}

// OnSuccess does nothing, or fails as configured.
func (n *Importer) OnSuccess(ctx context.Context, imp importers.Import, _ importers.Result) error {
	return n.hook(ctx, imp, OnSuccess)
}

// OnFailure does nothing, or fails as configured.
func (n *Importer) OnFailure(ctx context.Context, imp importers.Import, _ string) error {
	return n.hook(ctx, imp, OnFailure)
}

// CleanUp does nothing, or fails as configured.
func (n *Importer) CleanUp(ctx context.Context, imp importers.Import) error {
	return n.hook(ctx, imp, CleanUp)
}

// hook waits for the delay and then fails as configured.
func (n *Importer) hook(ctx context.Context, imp importers.Import, callback string) error {
	args, err := stored(imp)
	if err != nil {
		return err
	}
	if err := wait(ctx, args); err != nil {
		return err
	}
	return n.misbehave(args, imp.ID, callback)
}

// ErrAsked is the error that Args.Fail requests.
var ErrAsked = errors.New("noop failed as configured")

func (n *Importer) misbehave(args Args, importID int64, callback string) error {
	if args.Fail != callback && args.Panic != callback {
		return nil
	}
	n.mu.Lock()
	key := call{importID: importID, callback: callback}
	n.calls[key]++
	count := n.calls[key]
	n.mu.Unlock()
	if args.FailTimes > 0 && count > args.FailTimes {
		return nil
	}
	if args.Panic == callback {
		panic("noop panicked as configured in " + callback)
	}
	err := fmt.Errorf("%w in %s", ErrAsked, callback)
	if d, parseErr := duration(args.Wait); parseErr == nil && d > 0 {
		return importers.WaitUntil(time.Now().Add(d), err)
	}
	if args.Permanent {
		return importers.Permanent(importers.ClassInput, err)
	}
	return err
}

// wait waits for the delay, or returns ctx's error when ctx is done.
func wait(ctx context.Context, args Args) error {
	d, err := duration(args.Delay)
	if err != nil {
		return err
	}
	return delay.Wait(ctx, d)
}

// stored decodes the result of ParseArgs.
func stored(imp importers.Import) (Args, error) {
	args, err := decode(imp.Args)
	if err != nil {
		return Args{}, importers.Permanent(importers.ClassInternal, fmt.Errorf("stored arguments: %w", err))
	}
	return args, nil
}
