package importing_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

func (b *bundle) feedback(t *testing.T, id int64, after, limit int32) []importing.Feedback {
	t.Helper()
	lines, err := b.ListFeedback(b.ctx, db.ListFeedbackParams{ImportID: id, AfterSeq: after, RowLimit: limit})
	require.NoError(t, err)
	return lines
}

func TestFeedback(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t).ID
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelInfo, "start", "one"))
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelInfo, "start", "one, again"))
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelError, "end", "two"))
	lines := b.feedback(t, id, 0, 10)
	require.Len(t, lines, 2)
	require.Equal(t, []any{int32(1), "info", "one"}, []any{lines[0].Seq, lines[0].Level, lines[0].Message})
	require.Equal(t, []any{int32(2), "error", "two"}, []any{lines[1].Seq, lines[1].Level, lines[1].Message})
	require.Equal(t, lines[1:], b.feedback(t, id, 1, 10))
	require.Equal(t, lines[:1], b.feedback(t, id, 0, 1))

	require.ErrorIs(t, b.AddFeedback(b.ctx, 404, importing.LevelInfo, "x", "y"), store.ErrNotFound)
	require.ErrorContains(t, b.AddFeedback(b.ctx, id, "loud", "x", "y"), "add feedback: ")
}

// Readers follow a log by its numbers: they must have no gap, which would look like
// a line to wait for, and come in order.
func TestFeedbackAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t).ID
	const writers = 50
	require.NoError(t, errors.Join(enginetest.AtOnce(2*writers, func(i int) error {
		return b.AddFeedback(b.ctx, id, importing.LevelInfo, fmt.Sprint(i%writers), "line")
	})...))
	lines := b.feedback(t, id, 0, 1000)
	require.Len(t, lines, writers, "each occasion once")
	for i, line := range lines {
		require.EqualValues(t, i+1, line.Seq)
	}
}

// Texts quote file names and answers of servers. PostgreSQL refuses some of their
// bytes, and an import must not get stuck over the wording of its end.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	part := b.claimed(t)
	id := part.ImportID
	const odd, want = "a\x00b\xffc", "a\uFFFDb\uFFFDc"
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelWarn, odd, odd))
	require.Equal(t, want, b.feedback(t, id, 0, 1)[0].Message)
	require.NoError(t, b.RecordAttemptError(b.ctx, id, odd))
	imp, err := b.Import(b.ctx, id)
	require.NoError(t, err)
	require.Equal(t, want, imp.AttemptError)
	stopped, err := b.StopPart(b.ctx, id, 0, importing.PartParked, odd)
	require.NoError(t, err)
	require.Equal(t, want, stopped.Error)
	require.NoError(t, b.FailOpenParts(b.ctx, id, "again "+odd))
	require.NoError(t, b.Finish(b.ctx, id, importing.StatusFailed, odd, "class"))
	imp, err = b.Import(b.ctx, id)
	require.NoError(t, err)
	require.Equal(t, want, imp.Error)
}

// A warning of several parts is one line with their number, for any writer and any number of calls.
func TestPartFeedback(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t).ID
	line := func(part, message string, rows int64) importing.PartLine {
		return importing.PartLine{
			Level: importing.LevelWarn, Part: part, Message: message, Rows: rows,
			Text: func(first string, parts int, rows int64) string {
				return fmt.Sprintf("%s +%d: %s %d", first, parts-1, message, rows)
			},
		}
	}
	const parts = 12
	for range 2 {
		require.NoError(t, errors.Join(enginetest.AtOnce(parts, func(i int) error {
			return b.AddPartFeedback(b.ctx, id, line(fmt.Sprintf("part %d", i), "estimated", int64(i)))
		})...))
	}
	require.NoError(t, b.AddPartFeedback(b.ctx, id, line("part 3", "withheld", 0)))
	require.NoError(t, b.AddFeedback(b.ctx, id, importing.LevelInfo, "end", "over"))
	lines := b.feedback(t, id, 0, 10)
	require.Len(t, lines, 3)
	require.Regexp(t, `^part \d+ \+11: estimated 66$`, lines[0].Message)
	require.Len(t, lines[0].Parts, parts)
	require.Equal(t, []any{"part 3 +0: withheld 0", "over", int32(3)}, []any{lines[1].Message, lines[2].Message, lines[2].Seq})
	require.ErrorIs(t, b.AddPartFeedback(b.ctx, 404, line("a", "b", 1)), store.ErrNotFound)
}
