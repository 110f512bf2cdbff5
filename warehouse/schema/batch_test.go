package schema

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// mixed has columns of every kind.
var mixed = &Table{Name: "mixed", Columns: []Column{
	{Name: "date", Kind: KindDate},
	{Name: "name", Kind: KindString},
	{Name: "big", Kind: KindUint64},
	{Name: "small", Kind: KindUint32},
	{Name: "more", Kind: KindString},
}}

// printMixed returns the rows of a batch of mixed.
func printMixed(b *Batch) []string {
	names, more := b.Strings(1, nil), b.Strings(4, nil)
	rows := make([]string, b.Rows())
	for i := range rows {
		rows[i] = fmt.Sprintf("%d %q %d %d %q", b.Dates(0)[i], names[i], b.Uint64s(2)[i], b.Uint32s(3)[i], more[i])
	}
	return rows
}

func TestBatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fill func(b *Batch)
		want []string
	}{
		"empty": {func(*Batch) {}, []string{}},
		"all columns, in any order": {func(b *Batch) {
			b.SetString(4, []byte("z"))
			b.SetUint32(3, 3)
			b.SetUint64(2, 2)
			b.SetString(1, []byte("a"))
			b.SetDate(0, 1)
			b.EndRow()
		}, []string{`1 "a" 2 3 "z"`}},
		"nothing set": {func(b *Batch) { b.EndRow(); b.EndRow() }, []string{`0 "" 0 0 ""`, `0 "" 0 0 ""`}},
		"some set": {func(b *Batch) {
			b.SetString(1, []byte("a"))
			b.EndRow()
			b.SetUint64(2, 7)
			b.SetString(4, []byte("b"))
			b.EndRow()
			b.SetString(1, []byte("c"))
			b.EndRow()
		}, []string{`0 "a" 0 0 ""`, `0 "" 7 0 "b"`, `0 "c" 0 0 ""`}},
		"set twice": {func(b *Batch) {
			b.SetDate(0, 1)
			b.SetString(1, []byte("first"))
			b.SetDate(0, 2)
			b.SetString(1, []byte("x"))
			b.EndRow()
			b.SetString(1, []byte("y"))
			b.EndRow()
		}, []string{`2 "x" 0 0 ""`, `0 "y" 0 0 ""`}},
		"dropped": {func(b *Batch) {
			b.SetString(1, []byte("keep"))
			b.EndRow()
			b.SetDate(0, 9)
			b.SetString(1, []byte("dropped"))
			b.SetUint64(2, 9)
			b.SetUint32(3, 9)
			b.DropRow()
			b.EndRow()
			b.DropRow()
		}, []string{`0 "keep" 0 0 ""`, `0 "" 0 0 ""`}},
		"reset": {func(b *Batch) {
			b.SetString(1, []byte("gone"))
			b.EndRow()
			b.SetUint64(2, 1)
			b.Reset()
			b.SetString(4, []byte("new"))
			b.EndRow()
		}, []string{`0 "" 0 0 "new"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := NewBatch(mixed)
			tc.fill(b)
			require.Same(t, mixed, b.Table())
			require.Equal(t, tc.want, printMixed(b))
		})
	}
}

func TestBatchCopiesStrings(t *testing.T) {
	t.Parallel()
	b := NewBatch(mixed)
	value := []byte("abc")
	b.SetString(1, value)
	b.EndRow()
	value[0] = 'x'
	require.Equal(t, []string{"kept", "abc"}, b.Strings(1, []string{"kept"}), "appended to what is there")
}

func TestBatchBytes(t *testing.T) {
	t.Parallel()
	b := NewBatch(mixed)
	require.Zero(t, b.Bytes())
	b.SetString(1, []byte("12345"))
	b.EndRow()
	require.Equal(t, 2+(5+4)+8+4+4, b.Bytes())
}

func TestUnknownKindPanics(t *testing.T) {
	t.Parallel()
	b := NewBatch(&Table{Name: "odd", Columns: []Column{{Name: "what"}}})
	require.PanicsWithValue(t, "schema: column odd.what has no kind", b.EndRow)
}

func TestBatchWithoutAllocations(t *testing.T) {
	b := NewBatch(mixed)
	text := []byte("some text")
	fill := func() {
		b.Reset()
		for range 1000 {
			b.SetDate(0, 1)
			b.SetString(1, text)
			b.SetUint64(2, 1)
			b.EndRow()
		}
	}
	fill()
	require.Zero(t, testing.AllocsPerRun(5, fill))
}

// FuzzBatch builds rows by a script of calls and holds them against plain
// slices.
func FuzzBatch(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 1, 6, 5, 4, 7, 0, 5})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := NewBatch(mixed)
		rows, current := []string{}, [5]int{}
		text := func(n int) []byte { return fmt.Appendf(nil, "%.*d", n%4, n)[:n%4] }
		for n, op := range script {
			switch col := int(op % 8); col {
			case 0:
				b.SetDate(0, uint16(n))
			case 1, 4:
				b.SetString(col, text(n))
			case 2:
				b.SetUint64(2, uint64(n))
			case 3:
				b.SetUint32(3, uint32(n))
			case 5:
				b.EndRow()
				rows = append(rows, fmt.Sprintf("%d %q %d %d %q", current[0], text(current[1]), current[2], current[3], text(current[4])))
			case 6:
				b.DropRow()
			case 7:
				b.Reset()
				rows = []string{}
			}
			if op%8 < 5 {
				current[op%8] = n
			} else {
				current = [5]int{}
			}
		}
		require.Equal(t, rows, printMixed(b))
	})
}
