// Package sampledata generates realistic analytics exports: ten CSV files with weekly rhythm,
// growth, a few popular pages and a long tail. Equal specifications generate equal files.
package sampledata

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Spec specifies an export.
type Spec struct {
	// Seed selects another export of the same shape.
	Seed uint64
	// Days is the range of the export.
	Days calendar.Range
	// PageRows is the approximate number of rows of imported_pages; other tables have a fraction of
	// it. Each table has at least one row per day.
	PageRows int
	// Tables are the generated tables. Defaults to all.
	Tables []*schema.Table
}

// File is a generated file.
type File struct {
	Table *schema.Table
	// Path is the path of the file.
	Path string
	// Rows is its number of rows, Bytes its size.
	Rows, Bytes int64
	// Visitors is the sum of its column visitors.
	Visitors uint64
}

// Write generates the files in a folder, which it creates, and returns them in the order of their
// tables. All rows of a file are different.
func Write(dir string, spec Spec) ([]File, error) {
	if err := spec.Days.Validate(); err != nil {
		return nil, err
	}
	if spec.PageRows < 1 {
		return nil, fmt.Errorf("%d rows of pages: want at least 1", spec.PageRows)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make export: %w", err)
	}
	tables := spec.Tables
	if tables == nil {
		tables = schema.Imported()
	}
	files := make([]File, 0, len(tables))
	for i, table := range tables {
		file, err := writeTable(dir, table, spec, uint64(i))
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", table.Name, err)
		}
		files = append(files, file)
	}
	return files, nil
}

func writeTable(dir string, table *schema.Table, spec Spec, stream uint64) (file File, err error) {
	const compact = "20060102"
	name := fmt.Sprintf("%s_%s_%s.csv", table.Name,
		spec.Days.First.Time().Format(compact), spec.Days.Last.Time().Format(compact))
	file = File{Table: table, Path: filepath.Join(dir, name)}
	f, err := os.Create(file.Path)
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	rows := &rowWriter{w: w, rng: rand.New(rand.NewPCG(spec.Seed, stream))} //nolint:gosec // sample data, not secrets
	if err := rows.header(table); err != nil {
		return File{}, err
	}
	perDay := max(1, int(float64(spec.PageRows)*share[table.Name])/spec.Days.Days())
	for day := spec.Days.First; day <= spec.Days.Last; day++ {
		for rank := range perDay {
			if err := rows.row(table, day, rank); err != nil {
				return File{}, err
			}
		}
	}
	file.Rows, file.Bytes, file.Visitors = rows.rows, rows.bytes, rows.visitors
	return file, w.Flush()
}

// share is the number of rows of a table per row of imported_pages, as in typical exports.
var share = map[string]float64{
	schema.Pages.Name:            1,
	schema.EntryPages.Name:       0.12,
	schema.ExitPages.Name:        0.12,
	schema.Locations.Name:        0.06,
	schema.Sources.Name:          0.04,
	schema.CustomEvents.Name:     0.02,
	schema.Browsers.Name:         0.02,
	schema.OperatingSystems.Name: 0.01,
	schema.Devices.Name:          0.003,
	schema.Visitors.Name:         0,
}
