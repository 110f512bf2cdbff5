package textsearch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/textsearch"
)

func TestIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		names []string
		found bool
	}{
		{"", nil, true},
		{"  ", []string{"news"}, true},
		{"EWS ", []string{"other", "News"}, true},
		{"ä", []string{"ÄRZTE"}, true},
		{"news", []string{"ne", "ws"}, false},
		{"x", nil, false},
	} {
		require.Equal(t, c.found, textsearch.In(c.text, c.names...), "%q in %q", c.text, c.names)
	}
}
