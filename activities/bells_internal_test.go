package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBells(t *testing.T) {
	t.Parallel()
	var b bells
	post, other := ActionRef{Destination: "crm", Action: "post"}, ActionRef{Destination: "crm", Action: "other"}
	rang := func(c chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	require.False(t, b.work())
	since := b.occasions(post)
	first, leaveFirst := b.wait(post, since)
	second, leaveSecond := b.wait(post, since)
	elsewhere, _ := b.wait(other, b.occasions(other))
	b.ring(post)
	require.True(t, rang(first), "the one that has waited longest")
	require.False(t, rang(second))
	require.False(t, rang(elsewhere))
	leaveFirst()

	// Whoever has not looked since does not wait.
	missed, leave := b.wait(post, since)
	require.Nil(t, missed)
	leave()

	// One that has left is not rung for.
	since = b.occasions(post)
	third, _ := b.wait(post, since)
	leaveSecond()
	b.ring(post)
	require.True(t, rang(third))
	require.False(t, rang(second))

	// When PostgreSQL is heard again, all look.
	fourth, _ := b.wait(post, b.occasions(post))
	b.hear()
	require.True(t, b.work())
	require.True(t, rang(fourth))
	require.True(t, rang(elsewhere))
	require.NotEqual(t, since, b.occasions(post))
	b.lose()
	require.False(t, b.work())
}
