// Package schema describes the warehouse's imported tables as plain data: the
// names, kinds and order of their columns, and Batch, the columnar buffer in
// which importers pass rows to the loader. It knows no database driver, so that importers
// are independent of the protocol to ClickHouse.
package schema

import (
	"fmt"
	"sort"

	"github.com/sluicehq/sluice/internal/registry"
)

// Kind is the type of a column's values.
type Kind uint8

// The kinds of columns that imported tables have.
const (
	// KindDate is a calendar day, ClickHouse's Date: days since 1970-01-01 as
	// uint16, which ends on 2149-06-06.
	KindDate Kind = iota + 1
	// KindString is UTF-8 text, ClickHouse's String or LowCardinality(String).
	KindString
	// KindUint64 is a counter or an identifier, ClickHouse's UInt64.
	KindUint64
	// KindUint32 is a counter, ClickHouse's UInt32.
	KindUint32
)

// String returns the ClickHouse type that the kind is stored as.
func (k Kind) String() string {
	switch k {
	case KindDate:
		return "Date"
	case KindString:
		return "String"
	case KindUint64:
		return "UInt64"
	case KindUint32:
		return "UInt32"
	default:
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
}

// Column is one column of a Table.
type Column struct {
	// Name is the column's name in the warehouse and in export files.
	Name string
	// Kind is the type of its values.
	Kind Kind
	// Identifier marks numbers that identify something and must not be added up.
	Identifier bool
}

// Table is one of the imported tables, without the columns that the loader adds
// to every row (site_id, import_id, part, chunk).
type Table struct {
	// Name is the table's name, for instance "imported_pages".
	Name string
	// Columns are the table's columns; "date" is always the first.
	Columns []Column
}

// Index returns the position of the named column, or -1.
func (t *Table) Index(column string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == column {
			return i
		}
	}
	return -1
}

// ColumnNames returns the names of all columns in table order.
func (t *Table) ColumnNames() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Lookup returns the named imported table. The error lists the valid names.
func Lookup(name string) (*Table, error) {
	for _, t := range imported {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, registry.Unknown("imported table", name, Names())
}

// Imported returns all imported tables, sorted by name. The slice is the
// caller's; the tables are shared and must not be changed.
func Imported() []*Table {
	tables := append([]*Table(nil), imported...)
	sort.Slice(tables, func(i, j int) bool { return tables[i].Name < tables[j].Name })
	return tables
}

// Names returns the names of all imported tables, sorted.
func Names() []string {
	tables := Imported()
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return names
}
