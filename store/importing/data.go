package importing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Data is what the callbacks of an import have returned, beside rows. Each is nil
// where there is none.
type Data struct {
	// Checked is from before_start.
	Checked json.RawMessage
	// Summary is what reviewers read.
	Summary json.RawMessage
}

// PartData is a part that is done, with what import_data has returned about it.
type PartData = db.DataOfPartsRow

// ImportData returns what the callbacks of an import have returned. It is empty for an
// import that does not exist.
func (s *Store) ImportData(ctx context.Context, id int64) (Data, error) {
	row, err := s.sql.Queries.DataOfImport(ctx, id)
	if store.NoRows(err) {
		return Data{}, nil
	}
	if err != nil {
		return Data{}, fmt.Errorf("read the data of import %d: %w", id, err)
	}
	return Data{Checked: row.Checked, Summary: row.Summary}, nil
}

// SaveCheck notes what before_start has returned; nil is nothing.
func (s *Store) SaveCheck(ctx context.Context, id int64, data json.RawMessage) error {
	if err := s.sql.Queries.SaveCheck(ctx, id, data); err != nil {
		return fmt.Errorf("save the data of import %d: %w", id, err)
	}
	return nil
}

// SaveSummary notes an import's summary; nil is none.
func (s *Store) SaveSummary(ctx context.Context, id int64, summary json.RawMessage) error {
	if err := s.sql.Queries.SaveSummary(ctx, id, summary); err != nil {
		return fmt.Errorf("save the summary of import %d: %w", id, err)
	}
	return nil
}

// SavePartData notes what import_data has returned about a part.
func (s *Store) SavePartData(ctx context.Context, part Part, data json.RawMessage) error {
	err := s.sql.Queries.SavePartData(ctx, db.SavePartDataParams{ImportID: part.ImportID, PartNo: part.No, Data: data})
	if err != nil {
		return fmt.Errorf("save the data of part %d of import %d: %w", part.No, part.ImportID, err)
	}
	return nil
}

// PartsData returns the parts of an import that are done, in order.
func (s *Store) PartsData(ctx context.Context, id int64) ([]PartData, error) {
	parts, err := s.sql.Queries.DataOfParts(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the data of import %d by part: %w", id, err)
	}
	return parts, nil
}
