package destinationtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
)

const secret = "hunter2-S3cret"

// kit is a destination whose every part can be broken. It delivers into a list.
type kit struct {
	mu        sync.Mutex
	delivered []string

	name    string
	options destinations.Options
	marshal func(e destinations.Event) (*destinations.Job, error)
	load    func(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then))
}

func (k *kit) Name() string                   { return k.name }
func (k *kit) Label() string                  { return "Kit" }
func (k *kit) Options() destinations.Options  { return k.options }
func (k *kit) Actions() []destinations.Action { return []destinations.Action{kitAction{k}} }
func (k *kit) has(id string) bool             { return slices.Contains(k.delivered, id) }
func (k *kit) ids(testing.TB) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.delivered)
}

func (k *kit) opener() connections.Opener {
	return Opener{Name: "side", Kind: "kit", Secrets: map[string]string{"key": secret}}
}

func (k *kit) subject() Subject {
	return Subject{Destination: k, Action: "go", Events: events(), Connections: k.opener(), Delivered: k.ids}
}

type kitAction struct{ kit *kit }

func (a kitAction) Name() string                     { return "go" }
func (a kitAction) Schedule() *destinations.Schedule { return nil }

func (a kitAction) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	return a.kit.marshal(e)
}

func (a kitAction) Load(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then)) {
	a.kit.load(ctx, tk, q, report)
}

type kitData struct {
	Connection string `json:"connection"`
	No         int    `json:"no"`
}

func events() (all []destinations.Event) {
	for i := range 5 {
		all = append(all, destinations.Event{Data: json.RawMessage(fmt.Sprintf(`{"connection": "side", "no": %d}`, i+1))})
	}
	return all
}

func parse(data json.RawMessage) error {
	var d kitData
	if err := destinations.Decode(data, &d); err != nil {
		return err
	}
	if d.Connection != "side" || d.No == 0 {
		return errors.New("the data are not those of a job")
	}
	return nil
}

// good is a destination that does everything right.
func good() *kit {
	k := &kit{name: "kit"}
	k.marshal = func(e destinations.Event) (*destinations.Job, error) {
		return &destinations.Job{Data: e.Data}, parse(e.Data)
	}
	k.load = func(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then)) {
		for job := range q.Jobs() {
			then := destinations.Then{Jobs: []string{job.ID}}
			if err := parse(job.Data); err != nil {
				then.Error, then.ForceDiscard = err, true
			} else if c, err := tk.Connections.Open(ctx, "side"); err != nil {
				then.Error = err
			} else if c.Kind != "kit" {
				then.Error = destinations.WithClass(destinations.ErrorClassOperator, errors.New("the connection is of another kind"))
			} else {
				k.deliver(job.ID)
			}
			report(then)
		}
	}
	return k
}

// deliver keeps an ID, once.
func (k *kit) deliver(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.has(id) {
		k.delivered = append(k.delivered, id)
	}
}

// config tests kits that fresh makes, with no faults.
func config(fresh func() *kit) Config {
	cfg := Config{
		New:       func(testing.TB) Subject { return fresh().subject() },
		BadEvents: []destinations.Event{{Data: json.RawMessage(`{"connection": "other"}`)}},
		Secrets:   []string{secret}, Inapplicable: map[Fault]string{}, Faults: map[Fault]func(testing.TB) Subject{},
	}
	for _, fault := range Faults() {
		cfg.Inapplicable[fault] = "there is no other side"
	}
	return cfg
}

// TestGood: what is right passes.
func TestGood(t *testing.T) {
	t.Parallel()
	Run(t, config(good))
}

// TestBroken: each way of being wrong is found by the check that is about it.
func TestBroken(t *testing.T) {
	t.Parallel()
	wrap := func(k *kit, change func(then destinations.Then) destinations.Then) {
		before := k.load
		k.load = func(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then)) {
			before(ctx, tk, q, func(then destinations.Then) { report(change(then)) })
		}
	}
	for name, test := range map[string]struct {
		check string
		spoil func(k *kit)
	}{
		"a bad name":        {"what it says about itself", func(k *kit) { k.name = "K I T" }},
		"options that vary": {"what it says about itself", func(k *kit) { k.options.BatchSize = int(next()) }},
		"jobs that vary": {"marshalling", func(k *kit) {
			k.marshal = func(destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Data: json.RawMessage(fmt.Sprintf(`{"no": %d}`, next()))}, nil
			}
		}},
		"secrets in jobs": {"marshalling", func(k *kit) {
			k.marshal = func(e destinations.Event) (*destinations.Job, error) {
				return &destinations.Job{Data: e.Data, Context: json.RawMessage(`"` + secret + `"`)}, nil
			}
		}},
		"bad events taken": {"bad events", func(k *kit) {
			k.marshal = func(e destinations.Event) (*destinations.Job, error) { return &destinations.Job{Data: e.Data}, nil }
		}},
		"panics on null": {"bad events", func(k *kit) {
			before := k.marshal
			k.marshal = func(e destinations.Event) (*destinations.Job, error) {
				if string(e.Data) == "null" {
					panic("null")
				}
				return before(e)
			}
		}},
		"nothing reported": {"loading", func(k *kit) {
			k.load = func(context.Context, *destinations.Toolkit, *destinations.Queue, func(destinations.Then)) {}
		}},
		"strangers reported": {"loading", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then { then.Jobs = append(then.Jobs, "x"); return then })
		}},
		"success without delivery": {"loading", func(k *kit) {
			k.load = func(_ context.Context, _ *destinations.Toolkit, _ *destinations.Queue, report func(destinations.Then)) {
				report(destinations.Then{})
			}
		}},
		"delivered twice": {"loading again", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then {
				k.mu.Lock()
				defer k.mu.Unlock()
				k.delivered = append(k.delivered, then.Jobs...)
				return then
			})
		}},
		"panics on nothing": {"loading nothing", func(k *kit) {
			before := k.load
			k.load = func(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then)) {
				tk.Logger.Debug("loading", "event_id", q.Events[0].Event.ID)
				before(ctx, tk, q, report)
			}
		}},
		"poison retried": {"a poisoned job", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then { then.ForceDiscard = false; return then })
		}},
		"poison stops the rest": {"a poisoned job", func(k *kit) {
			before := k.load
			k.load = func(ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then)) {
				for job := range q.Jobs() {
					if err := parse(job.Data); err != nil {
						report(destinations.Then{Error: err, ForceDiscard: true})
						return
					}
				}
				before(ctx, tk, q, report)
			}
		}},
		"poison discarded without a reason": {"a poisoned job", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then {
				if then.ForceDiscard {
					then.Error = nil
				}
				return then
			})
		}},
		"missing connection discards": {"a connection that is missing", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then { then.ForceDiscard = then.Error != nil; return then })
		}},
		"secrets in errors": {"a connection that is missing", func(k *kit) {
			wrap(k, func(then destinations.Then) destinations.Then {
				if then.Error != nil {
					then.Error = errors.New("cannot use " + secret)
				}
				return then
			})
		}},
		"cancelling is success": {"cancelling", func(k *kit) {
			k.load = func(_ context.Context, _ *destinations.Toolkit, _ *destinations.Queue, report func(destinations.Then)) {
				report(destinations.Then{})
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(func() *kit {
				k := good()
				test.spoil(k)
				return k
			})
			i := slices.IndexFunc(checks, func(c struct {
				name string
				run  func(tb testing.TB, cfg Config)
			},
			) bool {
				return c.name == test.check
			})
			require.GreaterOrEqual(t, i, 0, test.check)
			require.True(t, fails(t, func(tb testing.TB) { tb.Helper(); checks[i].run(tb, cfg) }))
		})
	}
}

// TestBrokenFaults: the suite detects destinations that handle a misbehaving endpoint incorrectly.
func TestBrokenFaults(t *testing.T) {
	t.Parallel()
	always := func(then destinations.Then) func() *kit {
		return func() *kit {
			k := good()
			k.load = func(_ context.Context, _ *destinations.Toolkit, _ *destinations.Queue, report func(destinations.Then)) {
				report(then)
			}
			return k
		}
	}
	failed := destinations.Then{Error: errors.New("no")}
	discarded := destinations.Then{Error: errors.New("no"), ForceDiscard: true}
	for name, test := range map[string]struct {
		fault Fault
		fresh func() *kit
	}{
		"slow is no reason":      {FaultSlow, always(failed)},
		"hanging is no success":  {FaultHanging, always(destinations.Then{})},
		"throttling discards":    {FaultThrottled, always(discarded)},
		"Retry-After unheeded":   {FaultThrottledFor, always(failed)},
		"broken is success":      {FaultBroken, always(destinations.Then{})},
		"partial, all succeed":   {FaultPartial, always(destinations.Then{})},
		"partial, all fail":      {FaultPartial, always(failed)},
		"reset discards":         {FaultReset, always(discarded)},
		"no request":             {FaultTLS, always(destinations.Then{Error: errors.New("no"), Untried: true})},
		"huge answers discard":   {FaultHuge, always(discarded)},
		"neither tested nor not": {Fault("unheard of"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(good)
			if test.fresh != nil {
				cfg.Faults[test.fault] = func(testing.TB) Subject { return test.fresh().subject() }
			}
			require.True(t, fails(t, func(tb testing.TB) { tb.Helper(); checkFault(tb, cfg, test.fault) }))
		})
	}
}

var (
	counting sync.Mutex
	count    int64
)

// next returns another number each time.
func next() int64 {
	counting.Lock()
	defer counting.Unlock()
	count++
	return count
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

func (r *recorder) Errorf(string, ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) FailNow() {
	r.Errorf("")
	runtime.Goexit()
}

func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }

// fails says whether a check fails.
func fails(tb testing.TB, check func(tb testing.TB)) bool {
	tb.Helper()
	r := &recorder{TB: tb}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, fn := range slices.Backward(r.cleanups) {
				fn()
			}
		}()
		check(r)
	}()
	<-done
	return r.failed
}
