package importers_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func TestChunkReset(t *testing.T) {
	t.Parallel()
	c := importers.NewChunk(schema.Devices)
	c.Rows.EndRow()
	c.Rejects = append(c.Rejects, importers.Reject{Reason: "x"})
	c.RowsRead, c.OutOfRange, c.Bytes, c.Next = 3, 1, 9, "9"
	rows := c.Rows
	c.Reset()
	require.Same(t, rows, c.Rows)
	require.Zero(t, c.Rows.Rows())
	require.Equal(t, importers.Chunk{Rows: rows, Rejects: []importers.Reject{}}, *c)
}

func TestChunkFull(t *testing.T) {
	t.Parallel()
	chunk := func(rows int64, rejects int) *importers.Chunk {
		return &importers.Chunk{RowsRead: rows, Rejects: make([]importers.Reject, rejects)}
	}
	limit := importers.ChunkLimit{Rows: 10, Bytes: 100}
	require.False(t, limit.Full(chunk(0, 0), 0))
	require.False(t, limit.Full(chunk(9, 9), 99))
	require.True(t, limit.Full(chunk(10, 0), 0))
	require.True(t, limit.Full(chunk(1, 0), 100))
	none := importers.ChunkLimit{}
	require.False(t, none.Full(chunk(1<<40, importers.MaxRejects-1), 1<<40))
	require.True(t, none.Full(chunk(1, importers.MaxRejects), 0))
}

func TestNewReject(t *testing.T) {
	t.Parallel()
	require.Equal(t, importers.Reject{File: "f", Line: 3, Column: "c", Reason: "r", Sample: "s"},
		importers.NewReject("f", 3, "c", "r", []byte("s")))
	for name, sample := range map[string]string{
		"long":              strings.Repeat("x", 1000),
		"broken":            strings.Repeat("\xff", 1000),
		"cut in the middle": strings.Repeat("x", importers.MaxSample-1) + "日本",
		"at the limit":      strings.Repeat("é", importers.MaxSample/2),
		"one too many":      strings.Repeat("日", importers.MaxSample/3+1),
		"broken inside":     "a\xffb\x00c",
	} {
		r := importers.NewReject("f", 1, "", strings.Repeat("é", 1000), []byte(sample))
		require.LessOrEqual(t, len(r.Sample), importers.MaxSample, name)
		require.LessOrEqual(t, len(r.Reason), importers.MaxReason, name)
		require.True(t, utf8.ValidString(r.Sample+r.Reason), name)
	}
	require.Equal(t, strings.Repeat("x", importers.MaxSample-1),
		importers.NewReject("f", 1, "", "r", []byte(strings.Repeat("x", importers.MaxSample-1)+"日本")).Sample)
	require.Equal(t, "a\uFFFDb\x00c", importers.NewReject("f", 1, "", "r", []byte("a\xffb\x00c")).Sample)
}
