package convert_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/convert"
)

func TestSliceKeepsTheOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"3", "1", "2"}, convert.Slice([]int{3, 1, 2}, strconv.Itoa))
}

func TestSliceOfNothingIsAnEmptyList(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(convert.Slice(nil, strconv.Itoa))
	require.NoError(t, err)
	require.JSONEq(t, "[]", string(text))
}
