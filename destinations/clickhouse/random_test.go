package clickhouse_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// random makes values that are near the edges of types.
type random struct{ *rand.Rand }

func (r random) digits(n int) string {
	var s strings.Builder
	for range n {
		s.WriteByte(byte('0' + r.IntN(10)))
	}
	return s.String()
}

func (r random) of(all ...string) string { return all[r.IntN(len(all))] }

// number is a number of JSON, or a text that holds one.
func (r random) number() string {
	s := r.of("", "", "-") + r.of("0", "1", "2") + r.of("", r.of("1", "9")+r.digits(r.IntN(9)))
	if strings.HasPrefix(strings.TrimPrefix(s, "-"), "0") {
		s = r.of("0", "-0")
	}
	s += r.of("", "."+r.digits(1+r.IntN(6))) + r.of("", "", "", fmt.Sprintf("e%d", r.IntN(12)-6))
	return r.of(s, s, `"`+s+`"`)
}

// moment is a date, or a time.
func (r random) moment() string {
	s := fmt.Sprintf("%s-%02d-%02d", r.of("1899", "1900", "1969", "1970", "2026", "2106", "2149", "2262", "2299", "2300"), 1+r.IntN(12), 1+r.IntN(31))
	if r.IntN(4) > 0 {
		s += r.of("T", " ") + fmt.Sprintf("%02d:%02d", r.IntN(25), r.IntN(60)) + r.of("", fmt.Sprintf(":%02d", r.IntN(61))+r.of("", "."+r.digits(1+r.IntN(9))))
	}
	return `"` + s + r.of("", "", "Z", "+01:00", "-0530", "+03", " UTC", " +02:00") + `"`
}

// Whatever comes, what the table has is what was sent, or there is an error.
func TestValuesAtRandom(t *testing.T) {
	t.Parallel()
	for typ, isTime := range map[string]bool{
		"Int8": false, "UInt16": false, "Int64": false, "Decimal(9, 2)": false, "Decimal(18, 6)": false, "Decimal(38, 0)": false,
		"Date": true, "Date32": true, "DateTime('Asia/Kathmandu')": true, "DateTime64(3, 'UTC')": true,
		"DateTime64(9, 'America/New_York')": true,
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			r := random{rand.New(rand.NewPCG(7, uint64(len(typ))))}
			tab := newTable(t, "")
			tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, v "+typ+") ENGINE = MergeTree ORDER BY job_id")
			var values, rows []string
			for range 400 {
				value := r.number()
				if isTime {
					value = r.moment()
				}
				values, rows = append(values, value), append(rows, `{"v": `+value+`}`)
			}
			batch := jobs(rows...)
			reports, stored, fitting := deliver(t, tab.opener(), batch...), tab.texts(t), 0
			for i, value := range values {
				if reports[batch[i].ID].Error != nil {
					require.Empty(t, stored[batch[i].ID])
					continue
				}
				fitting++
				require.Len(t, stored[batch[i].ID], 1)
				same(t, typ, isTime, strings.Trim(value, `"`), stored[batch[i].ID][0])
			}
			require.NotZero(t, fitting)
			require.Less(t, fitting, len(values))
		})
	}
}

// same compares what was sent with what is there.
func same(t *testing.T, typ string, isTime bool, sent, there string) {
	t.Helper()
	if !isTime {
		a, ok := new(big.Rat).SetString(sent)
		require.True(t, ok)
		b, ok := new(big.Rat).SetString(there)
		require.True(t, ok)
		require.Zero(t, a.Cmp(b), "%s: %s is stored as %s", typ, sent, there)
		return
	}
	zone := time.UTC
	if _, name, named := strings.Cut(typ, "'"); named {
		var err error
		zone, err = time.LoadLocation(strings.TrimSuffix(name, "')"))
		require.NoError(t, err)
	}
	read := func(text string) time.Time {
		text = strings.Replace(strings.Replace(text, " UTC", "Z", 1), "T", " ", 1)
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
			for _, offset := range []string{"", "Z07:00", "-0700", "-07", " -07:00"} {
				if parsed, err := time.ParseInLocation(layout+offset, text, zone); err == nil {
					return parsed
				}
			}
		}
		require.Fail(t, "no time", text)
		return time.Time{}
	}
	require.True(t, read(sent).Equal(read(there)), "%s: %s is stored as %s", typ, sent, there)
}
