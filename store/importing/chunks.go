package importing

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/internal/db"
)

// LoadedChunk is a chunk of an import that has rows, and the table that has them.
type LoadedChunk = db.LoadedChunksRow

// LoadedChunks returns at most limit of the chunks that an import has loaded, in the order
// of parts and chunks, from a chunk of a part on. Parts that were skipped have none.
func (s *Store) LoadedChunks(ctx context.Context, id int64, part, chunk, limit int32) ([]LoadedChunk, error) {
	params := db.LoadedChunksParams{ImportID: id, PartNo: part, No: chunk, RowLimit: limit}
	chunks, err := s.sql.Queries.LoadedChunks(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list the loaded chunks of import %d: %w", id, err)
	}
	return chunks, nil
}
