package ingest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/bots"
	"github.com/sluicehq/sluice/ingest/useragent"
)

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"

// remembered returns how many user agents are remembered.
func (a *agents) remembered() (n int) {
	for i := range a.slots {
		if a.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

// A user agent is remembered when it comes again, and says the same then; one that comes once, or is long, is not.
func TestAgents(t *testing.T) {
	t.Parallel()
	a, matcher := newAgents(), bots.Builtin()
	want := useragent.Parse(chrome)
	require.NotEmpty(t, want.Browser)
	for n, remembered := range []int{0, 1, 1, 1} {
		got := a.of(chrome, matcher)
		require.Equal(t, want, got.Agent, n)
		require.False(t, got.bot)
		require.Equal(t, remembered, a.remembered(), n)
	}
	for range 3 {
		require.Equal(t, want, a.of(chrome+fmt.Sprintf("%*d", maxAgent, 1), matcher).Agent)
	}
	require.Equal(t, 1, a.remembered(), "a long one is not remembered")
	for n := range 10 * agentSlots {
		a.of(fmt.Sprintf("%s %d", chrome, n), matcher)
	}
	require.Equal(t, 1, a.remembered(), "those that come once drive no other one out")
	require.Equal(t, want, a.of(chrome, matcher).Agent)
}

// What is remembered about bots holds for the patterns that have decided it.
func TestAgentsOfNewPatterns(t *testing.T) {
	t.Parallel()
	a := newAgents()
	other, skipped := bots.New([]string{"Chrome/120"})
	require.Empty(t, skipped)
	for range 3 {
		require.False(t, a.of(chrome, bots.Builtin()).bot)
		require.True(t, a.of(chrome, other).bot)
		require.True(t, a.of(chrome, other).bot)
		require.True(t, a.of(chrome, other).bot)
		require.False(t, a.of(chrome, nil).bot, "without patterns there are no bots")
	}
}
