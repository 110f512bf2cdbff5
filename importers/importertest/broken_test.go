package importertest

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// broken is the noop importer with something broken in it. Hooks that are nil
// break nothing.
type broken struct {
	*noop.Importer
	name  string
	parse func(raw, normal json.RawMessage, err error) (json.RawMessage, error)
	plan  func(plan *importers.Plan)
	// open changes what a reader is opened with; err is returned instead of it.
	open func(ctx *context.Context, imp *importers.Import, from *importers.Cursor) error
	next func(chunk *importers.Chunk)
	// confirmed changes what a reader confirms.
	confirmed func(days calendar.Set) calendar.Set
	// closed is called when a reader is closed.
	closed func()
	hook   func(ctx context.Context, imp importers.Import) error
}

func (b *broken) Name() string {
	if b.name != "" {
		return b.name
	}
	return b.Importer.Name()
}

func (b *broken) ParseArgs(raw json.RawMessage) (json.RawMessage, error) {
	normal, err := b.Importer.ParseArgs(raw)
	if b.parse != nil {
		return b.parse(raw, normal, err)
	}
	return normal, err
}

func (b *broken) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	plan, err := b.Importer.Plan(ctx, imp)
	if b.plan != nil && err == nil {
		b.plan(&plan)
	}
	return plan, err
}

func (b *broken) ImportData(ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor) (importers.Reader, error) {
	if b.open != nil {
		if err := b.open(&ctx, &imp, &from); err != nil {
			return nil, err
		}
	}
	reader, err := b.Importer.ImportData(ctx, imp, part, from)
	if err != nil {
		return nil, err
	}
	return &brokenReader{Reader: reader, b: b}, nil
}

func (b *broken) OnSuccess(ctx context.Context, imp importers.Import, result importers.Result) error {
	if b.hook != nil {
		return b.hook(ctx, imp)
	}
	return b.Importer.OnSuccess(ctx, imp, result)
}

type brokenReader struct {
	importers.Reader
	b *broken
}

func (r *brokenReader) Next(ctx context.Context, chunk *importers.Chunk) error {
	err := r.Reader.Next(ctx, chunk)
	if r.b.next != nil && err == nil {
		r.b.next(chunk)
	}
	return err
}

// Confirmed returns what the reader confirms, or something else.
func (r *brokenReader) Confirmed() calendar.Set {
	var days calendar.Set
	if c, ok := r.Reader.(importers.Confirmer); ok {
		days = c.Confirmed()
	}
	if r.b.confirmed != nil {
		return r.b.confirmed(days)
	}
	return days
}

func (r *brokenReader) Close() error {
	if r.b.closed != nil {
		r.b.closed()
	}
	return r.Reader.Close()
}

const secret = "s3cr3t"

var errBroken = errors.New("broken on purpose")

// breakages are ways to break each check's promise, by the check's name. Each
// makes a new importer, for what it keeps count of.
var breakages = map[string]map[string]func() *broken{
	"names": {
		"a name the registry refuses": func() *broken { return &broken{name: "Bad name"} },
	},
	"arguments": {
		"unknown ones pass": func() *broken {
			return &broken{parse: func(_, normal json.RawMessage, err error) (json.RawMessage, error) {
				if err != nil {
					return json.RawMessage(`{"rows": 10}`), nil
				}
				return normal, nil
			}}
		},
		"values are repeated": func() *broken {
			return &broken{parse: func(raw, normal json.RawMessage, err error) (json.RawMessage, error) {
				if err != nil {
					return nil, errors.Join(err, errors.New(string(raw)))
				}
				return normal, nil
			}}
		},
		"the normal form is none": func() *broken {
			return &broken{parse: func(raw, normal json.RawMessage, err error) (json.RawMessage, error) {
				return append(normal, ' ', '}'), err
			}}
		},
	},
	"plan": {
		"another each time": func() *broken {
			var calls atomic.Int64
			return &broken{plan: func(p *importers.Plan) { p.Parts[0].Bytes += calls.Add(1) }}
		},
		"wrong numbers": func() *broken { return &broken{plan: func(p *importers.Plan) { p.Parts[1].No = 7 }} },
		"no table":      func() *broken { return &broken{plan: func(p *importers.Plan) { p.Parts[0].Table = nil }} },
		"a label too long": func() *broken {
			return &broken{plan: func(p *importers.Plan) { p.Parts[0].Label = string(make([]byte, importers.MaxLabel+1)) }}
		},
		"arguments too large": func() *broken {
			return &broken{plan: func(p *importers.Plan) { p.Parts[0].Args = make([]byte, importers.MaxPartArgs+1) }}
		},
		"days of a part that the plan has not": func() *broken {
			return &broken{plan: func(p *importers.Plan) { p.Parts[0].Days = allDays }}
		},
		"days in reverse": func() *broken {
			return &broken{plan: func(p *importers.Plan) { p.Range.First, p.Range.Last = p.Range.Last, p.Range.First }}
		},
	},
	"reading twice gives the same": {
		"rows change": func() *broken {
			var calls atomic.Int64
			return &broken{next: func(c *importers.Chunk) { c.OutOfRange = calls.Add(1) }}
		},
		"no rows": func() *broken {
			return &broken{plan: func(p *importers.Plan) {
				for i := range p.Parts {
					p.Parts[i].Args = json.RawMessage(`{"first": 0, "end": 0}`)
				}
			}}
		},
	},
	"reading from every cursor gives the rest": {
		"cursors are ignored": func() *broken {
			return &broken{open: func(_ *context.Context, _ *importers.Import, from *importers.Cursor) error { *from = ""; return nil }}
		},
		"all cursors are the same": func() *broken {
			return &broken{next: func(c *importers.Chunk) { c.Next = "5" }}
		},
		"a cursor too long": func() *broken {
			return &broken{next: func(c *importers.Chunk) { c.Next += importers.Cursor(make([]byte, importers.MaxCursor)) }}
		},
	},
	"chunks respect the row limit": {
		"too large": func() *broken {
			return &broken{open: func(_ *context.Context, imp *importers.Import, _ *importers.Cursor) error {
				imp.Chunk.Rows *= 2
				return nil
			}}
		},
		"too small": func() *broken {
			return &broken{open: func(_ *context.Context, imp *importers.Import, _ *importers.Cursor) error {
				imp.Chunk.Rows = 1
				return nil
			}}
		},
	},
	"chunks respect the byte limit": {
		"ignored": func() *broken {
			return &broken{open: func(_ *context.Context, imp *importers.Import, _ *importers.Cursor) error {
				imp.Chunk.Bytes = 0
				return nil
			}}
		},
	},
	"rows read are accounted for": {
		"a row is lost":       func() *broken { return &broken{next: func(c *importers.Chunk) { c.RowsRead++ }} },
		"progress goes back":  func() *broken { return &broken{next: func(c *importers.Chunk) { c.Bytes = -c.Bytes }} },
		"progress beyond all": func() *broken { return &broken{next: func(c *importers.Chunk) { c.Bytes = 1 << 40 }} },
	},
	"rejects have reasons": {
		"no reason": func() *broken { return rejecting(func(r *importers.Reject) { r.Reason = "" }) },
		"no file":   func() *broken { return rejecting(func(r *importers.Reject) { r.File = "" }) },
		"a long sample": func() *broken {
			return rejecting(func(r *importers.Reject) { r.Sample = string(make([]byte, importers.MaxSample+1)) })
		},
		"not UTF-8": func() *broken { return rejecting(func(r *importers.Reject) { r.Sample = "\xff" }) },
	},
	"no row is outside the window": {
		"a window of its own": func() *broken {
			return &broken{open: func(_ *context.Context, imp *importers.Import, _ *importers.Cursor) error {
				imp.Window = allDays
				return nil
			}}
		},
	},
	"rows of other days are counted separately": {
		"all are out of range": func() *broken {
			return &broken{next: func(c *importers.Chunk) { c.OutOfRange, c.LeftOut = c.OutOfRange+c.LeftOut, 0 }}
		},
		"wanted ones are left out": func() *broken {
			return &broken{next: func(c *importers.Chunk) { c.LeftOut++ }}
		},
	},
	"confirmed days are the part's": {
		"days of others": func() *broken { return &broken{confirmed: func(calendar.Set) calendar.Set { return allDays }} },
		"fewer each time": func() *broken {
			var calls atomic.Int64
			return &broken{confirmed: func(days calendar.Set) calendar.Set {
				return days.Minus(calendar.NewSet(calendar.Range{First: days[0].First, Last: days[0].First + calendar.Day(calls.Add(1)%3)}))
			}}
		},
	},
	"parts are read concurrently": {
		"one reader at a time": func() *broken {
			var open atomic.Int64
			return &broken{
				open: func(*context.Context, *importers.Import, *importers.Cursor) error {
					if open.Add(1) > 1 {
						return errBroken
					}
					return nil
				},
				// Closing does not count down: every second reader fails.
			}
		},
	},
	"hooks can be called again": {
		"only once": func() *broken {
			var calls atomic.Int64
			return &broken{hook: func(context.Context, importers.Import) error {
				if calls.Add(1) > 1 {
					return errBroken
				}
				return nil
			}}
		},
	},
	"cancelling is prompt": {
		"another error": func() *broken {
			return &broken{open: func(ctx *context.Context, _ *importers.Import, _ *importers.Cursor) error {
				if (*ctx).Err() != nil {
					return errBroken
				}
				return nil
			}}
		},
		"a permanent error": func() *broken {
			return &broken{open: func(ctx *context.Context, _ *importers.Import, _ *importers.Cursor) error {
				return importers.Permanent(importers.ClassCancelled, (*ctx).Err())
			}}
		},
	},
	"secrets stay secret": {
		"in a label": func() *broken {
			return &broken{plan: func(p *importers.Plan) { p.Parts[0].Label += secret }}
		},
		"in a reason": func() *broken { return rejecting(func(r *importers.Reject) { r.Reason += secret }) },
		"in feedback": func() *broken {
			return &broken{hook: func(ctx context.Context, imp importers.Import) error { return imp.Feedback.Warn(ctx, secret) }}
		},
		"in an error": func() *broken {
			return &broken{open: func(_ *context.Context, _ *importers.Import, from *importers.Cursor) error {
				if *from != "" && (*from)[0] == 'i' {
					return errors.New(secret)
				}
				return nil
			}}
		},
	},
}

func rejecting(change func(r *importers.Reject)) *broken {
	return &broken{next: func(c *importers.Chunk) {
		for i := range c.Rejects {
			change(&c.Rejects[i])
		}
	}}
}
