package ingesting

import (
	"context"
	"fmt"
	"unicode"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

const (
	// maxPoisonSample bounds Poison.Sample, in bytes.
	maxPoisonSample = 256
	// maxPoisonReason bounds Poison.Reason, in characters.
	maxPoisonReason = 500
	// keptPoison is how many records of a partition are kept.
	keptPoison = 1000
)

// Poison is a record of the event log that could not be written, at RecordIndex of the message
// with a sequence; -1 is the whole message. Of a sample, the store keeps the beginning and masks its
// text.
type Poison = db.IngestPoison

// ListPoison returns at most limit of the records that could not be written, newest first.
func (s *Store) ListPoison(ctx context.Context, limit int32) ([]Poison, error) {
	return s.sql.Queries.ListIngestPoison(ctx, limit)
}

// addPoison records what could not be written of a partition, and removes the oldest records beyond
// keptPoison.
func addPoison(ctx context.Context, q *db.Queries, partition int32, all []Poison) error {
	if len(all) == 0 {
		return nil
	}
	add := db.AddIngestPoisonParams{Partition: partition}
	for _, p := range all {
		add.Sequences = append(add.Sequences, p.Sequence)
		add.Indexes = append(add.Indexes, p.RecordIndex)
		add.Reasons = append(add.Reasons, firstCharacters(store.Plain(p.Reason), maxPoisonReason))
		add.Samples = append(add.Samples, masked(p.Sample))
	}
	if err := q.AddIngestPoison(ctx, add); err != nil {
		return fmt.Errorf("record what could not be written: %w", err)
	}
	if err := q.TrimIngestPoison(ctx, partition, keptPoison); err != nil {
		return fmt.Errorf("remove the oldest records that could not be written: %w", err)
	}
	return nil
}

func firstCharacters(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}

// masked returns the beginning of a sample without personal data. Letters become x, digits 0, bytes
// beyond ASCII 0xFF; the structure of the record remains.
func masked(sample []byte) []byte {
	out := make([]byte, min(len(sample), maxPoisonSample))
	for i, b := range sample[:len(out)] {
		switch out[i] = b; {
		case b > unicode.MaxASCII:
			out[i] = 0xFF
		case unicode.IsDigit(rune(b)):
			out[i] = '0'
		case unicode.IsLetter(rune(b)):
			out[i] = 'x'
		}
	}
	return out
}
