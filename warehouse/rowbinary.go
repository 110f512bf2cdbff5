package warehouse

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/calendar"
)

// FixedString is a value of a column FixedString, of exactly its length.
type FixedString string

// amountScale is the scale of columns of amounts, Decimal(18, 3).
const amountScale = 3

// appendRow appends the values of a row in ClickHouse's format RowBinary, which the server converts to
// LowCardinality. The driver would look each such value up by reflection and in a map, at several times the cost.
// https://clickhouse.com/docs/interfaces/formats/RowBinary
func appendRow(b []byte, row []any) ([]byte, error) {
	for i, value := range row {
		switch v := value.(type) {
		case string:
			b = appendText(b, v)
		case FixedString:
			b = append(b, v...)
		case uint8:
			b = append(b, v)
		case uint16:
			b = binary.LittleEndian.AppendUint16(b, v)
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, v)
		case int32:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, v)
		case *uint64:
			if b = appendNull(b, v == nil); v != nil {
				b = binary.LittleEndian.AppendUint64(b, *v)
			}
		case *decimal.Decimal:
			if b = appendNull(b, v == nil); v != nil {
				b = binary.LittleEndian.AppendUint64(b, uint64(v.Shift(amountScale).IntPart()))
			}
		case time.Time:
			b = binary.LittleEndian.AppendUint32(b, uint32(v.Unix()))
		case calendar.Day:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		case []string:
			b = binary.AppendUvarint(b, uint64(len(v)))
			for _, text := range v {
				b = appendText(b, text)
			}
		default:
			return nil, fmt.Errorf("value %d of a row is a %T, which has no form in RowBinary", i, value)
		}
	}
	return b, nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendNull(b []byte, null bool) []byte {
	if null {
		return append(b, 1)
	}
	return append(b, 0)
}

// forDriver replaces the values of a row that the driver does not know, in place.
func forDriver(row []any) []any {
	for i, value := range row {
		switch v := value.(type) {
		case FixedString:
			row[i] = string(v)
		case calendar.Day:
			row[i] = v.Time()
		}
	}
	return row
}
