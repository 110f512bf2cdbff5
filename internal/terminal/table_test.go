package terminal

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header []string
		rows   [][]any
		want   string
	}{
		"empty": {[]string{"ID", "NAME"}, nil, "ID  NAME\n"},
		"numbers to the right, text to the left": {
			[]string{"ID", "NAME", "ROWS"},
			[][]any{{Ordinal(7), "a", 12}, {Ordinal(1234), "longer", int64(1234567)}, {Ordinal(10), "b", int32(-5)}},
			"  ID  NAME         ROWS\n   7  a              12\n1234  longer  1,234,567\n  10  b              -5\n",
		},
		"a column with any text is text": {
			[]string{"COUNT", "X"}, [][]any{{12, "x"}, {"-", "y"}, {345, "z"}}, "COUNT  X\n12     x\n-      y\n345    z\n",
		},
		"no blanks behind the last text": {
			[]string{"NAME", "ROWS", "ERROR"},
			[][]any{{"a", 1, ""}, {"bcdef", 22, "broken"}},
			"NAME   ROWS  ERROR\na         1\nbcdef    22  broken\n",
		},
		"wide runes": {
			[]string{"SITE", "N"}, [][]any{{"日本.jp", 1}, {"münchen.de", 10}}, "SITE         N\n日本.jp      1\nmünchen.de  10\n",
		},
		"missing cells and too many": {
			[]string{"A", "B"}, [][]any{{"x"}, {"y", "z", "left out"}}, "A  B\nx\ny  z\n",
		},
		"colours only on a terminal": {
			[]string{"STATUS", "B"}, [][]any{{Coloured{Text: "done", Colour: Green}, 1}}, "STATUS  B\ndone    1\n",
		},
		"other values": {[]string{"A"}, [][]any{{time.Minute}, {nil}, {true}}, "A\n1m0s\n<nil>\ntrue\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := NewTable(test.header...)
			for _, row := range test.rows {
				table.Row(row...)
			}
			var out bytes.Buffer
			require.NoError(t, table.Write(&out))
			require.Equal(t, test.want, out.String())
		})
	}
}

var errFull = errors.New("full")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestTableTellsWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, NewTable("A").Write(fullWriter{}), errFull)
}

func TestPaint(t *testing.T) {
	t.Parallel()
	require.Equal(t, "x", Paint(&bytes.Buffer{}, Red, "x"))
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	require.False(t, IsTerminal(file))
	require.Equal(t, "x", Paint(file, Red, "x"))
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0.0s", -time.Second: "0.0s", 40 * time.Millisecond: "0.0s", 440 * time.Millisecond: "0.4s", 9940 * time.Millisecond: "9.9s",
		9960 * time.Millisecond: "10s", 12 * time.Second: "12s", 59999 * time.Millisecond: "59s", time.Minute: "1m00s",
		185 * time.Second: "3m05s", 3599 * time.Second: "59m59s", time.Hour: "1h00m", 130 * time.Minute: "2h10m", 100 * time.Hour: "100h00m",
	} {
		require.Equal(t, want, Duration(d), "%v", d)
	}
}
