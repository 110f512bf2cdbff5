package native_test

import (
	"bufio"
	"bytes"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	chproto "github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

func encode(write func(*proto.Buffer)) []byte {
	var b proto.Buffer
	write(&b)
	return b.Buf
}

func fullQuery() proto.Query {
	return proto.Query{
		ID: "id", Body: "SELECT {p:String}", Stage: proto.StageComplete, Compression: proto.CompressionEnabled,
		Info: proto.ClientInfo{
			Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP, ClientName: "client", QuotaKey: "quota",
		},
		Settings:   []proto.Setting{{Key: "max_threads", Value: "7"}, {Key: "custom", Value: "'it\\'s'", Custom: true}},
		Parameters: []proto.Parameter{{Key: "p", Value: `'a\\tb\'\x41'`}},
	}
}

func TestReadQuery(t *testing.T) {
	t.Parallel()
	packet := encode(func(b *proto.Buffer) { fullQuery().EncodeAware(b, native.Revision) })
	r := native.NewReader(bytes.NewReader(packet))
	code, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, native.CodeQuery, code)
	q, err := r.ReadQuery()
	require.NoError(t, err)
	require.Equal(t, native.Query{
		ID: "id", Text: "SELECT {p:String}", Compressed: true,
		Settings:   []native.Setting{{Name: "max_threads", Value: "7"}, {Name: "custom", Value: "it's"}},
		Parameters: []native.Setting{{Name: "p", Value: `a\tb'A`}},
	}, q)
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF, "nothing is left")

	for n := 1; n < len(packet); n++ {
		r := native.NewReader(bytes.NewReader(packet[1:n]))
		_, err := r.ReadQuery()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
	}
}

func TestLiterals(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]string{
		"7": "7", "''": "", "'a'": "a", `'\n\\\''`: "\n\\'", "'a''b'": "a'b", `'\x0Az\q'`: "\nzq", "'ü'": "ü",
	} {
		q := fullQuery()
		q.Parameters = []proto.Parameter{{Key: "p", Value: literal}}
		got, err := native.NewReader(bytes.NewReader(encode(func(b *proto.Buffer) { q.EncodeAware(b, native.Revision) })[1:])).ReadQuery()
		require.NoError(t, err, literal)
		require.Equal(t, want, got.Parameters[0].Value)
	}
	for _, literal := range []string{"'", "'a", `'\`, `'\x`, `'\xg0'`, "'a'b'", `'a\'`} {
		q := fullQuery()
		q.Parameters = []proto.Parameter{{Key: "p", Value: literal}}
		_, err := native.NewReader(bytes.NewReader(encode(func(b *proto.Buffer) { q.EncodeAware(b, native.Revision) })[1:])).ReadQuery()
		require.ErrorIs(t, err, native.ErrMalformed, literal)
	}
}

// columns are values of every kind of type, as a client encodes them.
var columns = []struct {
	kind   string
	values []any
}{
	{"UInt8", []any{uint8(1), uint8(255)}},
	{"Bool", []any{true, false}},
	{"Int128", []any{big.NewInt(1), big.NewInt(-1)}},
	{"Float64", []any{1.5, -1.5}},
	{"String", []any{"", strings.Repeat("long", 100_000)}},
	{"FixedString(3)", []any{"abc", "def"}},
	{"DateTime64(3, 'Europe/Berlin')", []any{time.Unix(1, 0), time.Unix(2, 0)}},
	{"Decimal(38, 4)", []any{"1.5", "2.5"}},
	{"Enum16('a (' = 1, 'b, \\'' = 2)", []any{int16(1), int16(2)}},
	{"UUID", []any{"0e0e0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a", "0e0e0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0b"}},
	{"IPv6", []any{"::1", "::2"}},
	{"Nullable(String)", []any{nil, "x"}},
	{"LowCardinality(String)", []any{"x", "x"}},
	{"LowCardinality(Nullable(String))", []any{nil, "x"}},
	{"Array(String)", []any{[]string{"a", "b"}, []string{}}},
	{"Array(LowCardinality(String))", []any{[]string{}, []string{"a"}}},
	{"Array(LowCardinality(String))", []any{[]string{}, []string{}}},
	{"Array(Array(Nullable(UInt32)))", []any{[][]*uint32{{nil}, {}}, [][]*uint32{}}},
	{"Map(LowCardinality(String), Array(UInt64))", []any{map[string][]uint64{"a": {1, 2}}, map[string][]uint64{}}},
	{"Tuple(a String, b UInt8)", []any{[]any{"x", uint8(1)}, []any{"y", uint8(2)}}},
	{"Nested(a UInt8, b String)", []any{[]map[string]any{{"a": uint8(1), "b": "x"}}, []map[string]any{}}},
	{"SimpleAggregateFunction(sum, UInt64)", []any{uint64(1), uint64(2)}},
}

// everyType is a block with a column of each.
func everyType(tb testing.TB) []byte {
	tb.Helper()
	block := chproto.NewBlock()
	for _, c := range columns {
		if c.kind == "String" {
			c.values = []any{"", "short"} // as a seed of fuzzing it must be small
		}
		addColumn(tb, block, c.kind, c.values)
	}
	var b proto.Buffer
	require.NoError(tb, block.Encode(&b, native.Revision))
	return b.Buf
}

func addColumn(tb testing.TB, block *chproto.Block, kind string, values []any) {
	tb.Helper()
	require.NoError(tb, block.AddColumn("name of "+kind, column.Type(kind)))
	for _, v := range values {
		require.NoError(tb, block.Columns[len(block.Columns)-1].AppendRow(v), kind)
	}
}

// A block of each type is copied byte by byte, whatever pieces it arrives in,
// into what the same client writes in the layout of files, and back.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range columns {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, native.CheckType(c.kind))
			block := chproto.NewBlock()
			addColumn(t, block, c.kind, c.values)
			kind := string(block.Columns[0].Type()) // the client has other names for some
			var wire, file proto.Buffer
			require.NoError(t, block.Encode(&wire, native.Revision))
			require.NoError(t, block.Encode(&file, 0))

			var got bytes.Buffer
			w := bufio.NewWriter(&got)
			source := io.MultiReader(iotest.HalfReader(bytes.NewReader(wire.Buf)), strings.NewReader("next"))
			r := native.NewReader(source)
			header, err := r.CopyBlock(w, false)
			require.NoError(t, err)
			require.NoError(t, w.Flush())
			require.Equal(t, file.Buf, got.Bytes())
			require.Equal(t, native.Header{Columns: []native.Column{{Name: "name of " + c.kind, Type: kind}}, Rows: 2}, header)
			next, err := r.Next()
			require.NoError(t, err)
			require.EqualValues(t, 'n', next, "the following bytes are not read")

			require.Equal(t, append(bytes.Clone(wire.Buf), wire.Buf...), sent(t, append(bytes.Clone(file.Buf), file.Buf...)))
			header, err = native.PeekHeader(file.Buf)
			require.NoError(t, err)
			require.Equal(t, kind, header.Columns[0].Type)

			for _, n := range []int{0, 3, 9, len(wire.Buf) / 2, len(wire.Buf) - 1} {
				_, err := native.NewReader(bytes.NewReader(wire.Buf[:n])).CopyBlock(bufio.NewWriter(io.Discard), false)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
			}
		})
	}
}

// sent returns what SendBlocks makes of blocks.
func sent(t *testing.T, blocks []byte) []byte {
	t.Helper()
	var got bytes.Buffer
	w := bufio.NewWriter(&got)
	require.NoError(t, native.SendBlocks(blocks, func(write func(*bufio.Writer) error) error { return write(w) }))
	require.NoError(t, w.Flush())
	return got.Bytes()
}

func TestWriteHeader(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	w := bufio.NewWriter(&got)
	require.NoError(t, native.WriteHeader(w, []native.Column{{Name: "a", Type: "UInt8"}, {Name: "b", Type: "String"}}))
	require.NoError(t, native.WriteHeader(w, nil))
	require.NoError(t, w.Flush())
	r := proto.NewReader(&got)
	var header, end proto.Block
	require.NoError(t, header.DecodeBlock(r, native.Revision, nil))
	require.Equal(t, 2, header.Columns)
	require.NoError(t, end.DecodeBlock(r, native.Revision, nil))
	require.True(t, end.End())
}

func TestCheckType(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]error{
		"JSON": native.ErrUnsupportedType, "Dynamic": native.ErrUnsupportedType, "Variant(String)": native.ErrUnsupportedType,
		"AggregateFunction(sum, UInt64)": native.ErrUnsupportedType, "Array(JSON)": native.ErrUnsupportedType,
		"Tuple()": native.ErrUnsupportedType, "": native.ErrUnsupportedType, "Map(String)": native.ErrUnsupportedType,
		"Array(String": native.ErrMalformed, "String)": native.ErrUnsupportedType, "FixedString(0)": native.ErrMalformed,
		"FixedString(99999999)": native.ErrMalformed, "Decimal(77)": native.ErrMalformed, "Decimal(x)": native.ErrMalformed,
		"LowCardinality(Array(String))":                                     native.ErrMalformed,
		strings.Repeat("Array(", 100) + "String" + strings.Repeat(")", 100): native.ErrMalformed,
	} {
		require.ErrorIs(t, native.CheckType(kind), want, kind)
	}
	for _, kind := range []string{
		"MultiPolygon", "IntervalDay", "Nullable(Nothing)", "Tuple(`b, c)` UInt8, `d``e` Array(String))", "BFloat16",
		"Decimal32(2)", "Decimal(9, 2)", "Decimal(76, 1)", "DateTime('UTC')", "Map(String, Tuple(x Point))",
	} {
		require.NoError(t, native.CheckType(kind), kind)
	}
}

// Lengths that nothing stands behind are refused before anything is read.
func TestAbsurdLengths(t *testing.T) {
	t.Parallel()
	for name, block := range map[string][]byte{
		"columns":             {0, 0xff, 0xff, 0x7f, 1},
		"rows":                {0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"rows of no columns":  {0, 0, 1},
		"a name":              {0, 1, 1, 0xff, 0xff, 0xff, 0x7f},
		"a description":       {9},
		"an array":            append([]byte{0, 1, 1, 1, 'a', 12}, "Array(UInt8)\x00\xff\xff\xff\xff\xff\xff\xff\xff"...),
		"a text":              append([]byte{0, 1, 1, 1, 'a', 6}, "String\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"...),
		"a dictionary's head": append([]byte{0, 1, 1, 1, 'a', 22}, "LowCardinality(String)\x00\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"...),
	} {
		err := copyBlock(io.Discard, block, false)
		require.ErrorIs(t, err, native.ErrMalformed, name)
	}
}
