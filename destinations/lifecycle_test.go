package destinations_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// diary is where hooks write down that they were called.
type diary struct {
	lines []string
	// bad are the lines that go wrong, with a panic if they begin with !.
	bad map[string]bool
}

func (d *diary) note(line string) error {
	d.lines = append(d.lines, line)
	if d.bad["!"+line] {
		panic("hunter2")
	}
	if d.bad[line] {
		return errNo
	}
	return nil
}

type hookedDestination struct {
	*fake
	diary *diary
}

func (h hookedDestination) Init(context.Context, *destinations.Toolkit) error {
	return h.diary.note("init " + h.name)
}

func (h hookedDestination) Shutdown(ctx context.Context, _ *destinations.Toolkit) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return h.diary.note("shutdown " + h.name)
}

type hookedAction struct {
	*action
	diary *diary
}

func (h hookedAction) Init(_ context.Context, tk *destinations.Toolkit) error {
	if tk.EventID != "" || tk.Connections == nil {
		return errNo
	}
	return h.diary.note("init /" + h.name)
}

func (h hookedAction) Shutdown(context.Context, *destinations.Toolkit) error {
	return h.diary.note("shutdown /" + h.name)
}

// hooked returns destinations a (actions p, q and, without hooks, r), b (without hooks, but
// its action s) and c.
func hooked(d *diary) *destinations.Registry {
	with := func(name string) destinations.Action { return hookedAction{&action{name: name}, d} }
	return destinations.NewRegistry(
		hookedDestination{destination("c", "t"), d},
		&fake{name: "b", actions: []destinations.Action{with("s")}},
		hookedDestination{&fake{name: "a", actions: []destinations.Action{with("q"), &action{name: "r"}, with("p")}}, d},
	)
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	all := []string{"init a", "init /q", "init /p", "init /s", "init c"}
	back := []string{"shutdown c", "shutdown /s", "shutdown /p", "shutdown /q", "shutdown a"}
	for name, test := range map[string]struct {
		bad  []string
		err  string
		want []string
		// logged is how many lines are in the log.
		logged int
	}{
		"all well":                   {nil, "", append(all[:5:5], back...), 0},
		"the first fails":            {[]string{"init a"}, "init a: no", all[:1], 0},
		"an action fails":            {[]string{"init /p"}, "init a/p: no", append(all[:3:3], "shutdown /q", "shutdown a"), 0},
		"the last fails":             {[]string{"init c"}, "init c: no", append(all[:5:5], back[1:]...), 0},
		"one panics":                 {[]string{"!init /s"}, "init b/s: the destination has panicked (string)", append(all[:4:4], back[2:]...), 0},
		"shutdown continues":         {[]string{"shutdown /s", "!shutdown /q"}, "", append(all[:5:5], back...), 2},
		"failing up and then down":   {[]string{"init /s", "shutdown /q"}, "init b/s: no", append(all[:4:4], back[2:]...), 1},
		"a destination without name": {[]string{"unknown"}, "", append(all[:5:5], back...), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &diary{bad: map[string]bool{}}
			for _, line := range test.bad {
				d.bad[line] = true
			}
			var log bytes.Buffer
			l := destinations.NewLifecycle(hooked(d), &destinations.Toolkit{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			err := l.Start(t.Context())
			if test.err == "" {
				require.NoError(t, err)
				require.ErrorContains(t, l.Start(t.Context()), "started already")
			} else {
				require.EqualError(t, err, test.err)
			}
			l.Stop(t.Context())
			l.Stop(t.Context())
			require.Equal(t, test.want, d.lines)
			require.Equal(t, test.logged, strings.Count(log.String(), "could not be shut down"))
			require.NotContains(t, log.String(), "hunter2")
		})
	}
}

// A start that is cut off shuts down what it has begun all the same.
func TestLifecycleCutOff(t *testing.T) {
	t.Parallel()
	d := &diary{bad: map[string]bool{"init c": true}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, destinations.NewLifecycle(hooked(d), nil).Start(ctx))
	require.Equal(t, "shutdown a", d.lines[len(d.lines)-1])
}
