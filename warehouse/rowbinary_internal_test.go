package warehouse

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
)

func TestAppendRow(t *testing.T) {
	t.Parallel()
	amount, site := decimal.RequireFromString("-1.5"), uint64(3)
	row := []any{
		"ab", FixedString("DE"), uint8(1), uint16(2), uint32(3), int32(-1), uint64(4), (*uint64)(nil), &site,
		(*decimal.Decimal)(nil), &amount, time.Unix(5, 0), calendar.Day(6),
		[]string{"x", ""},
	}
	got, err := appendRow([]byte("-"), row)
	require.NoError(t, err)
	require.Equal(t, "-\x02abDE\x01\x02\x00\x03\x00\x00\x00\xff\xff\xff\xff\x04\x00\x00\x00\x00\x00\x00\x00"+
		"\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x24\xfa\xff\xff\xff\xff\xff\xff"+
		"\x05\x00\x00\x00\x06\x00\x02\x01x\x00", string(got))
	_, err = appendRow(nil, []any{"a", 1.5})
	require.EqualError(t, err, "value 1 of a row is a float64, which has no form in RowBinary")
	require.Equal(t, []any{"DE", time.Unix(6*86400, 0).UTC(), "x"}, forDriver([]any{FixedString("DE"), calendar.Day(6), "x"}))
}
