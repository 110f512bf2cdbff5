package importers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartWarning(t *testing.T) {
	t.Parallel()
	w := PartWarning{Part: "a 2024-01", Message: "figures are estimated"}
	require.Equal(t, "a 2024-01: figures are estimated", w.String())
	require.Equal(t, "b and 1 more part: figures are estimated", w.Text("b", 2, 0))
	w.Rows, w.Detail = 1, "x in EE"
	require.Equal(t, "a 2024-01: figures are estimated: 1 row, for instance x in EE", w.String())
	require.Equal(t, "b and 11 more parts: figures are estimated: 40 rows, for instance x in EE", w.Text("b", 12, 40))
}
