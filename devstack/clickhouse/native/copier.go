package native

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

// copier copies a block from one of the two ways of writing it into the other.
// They differ in what is around the values alone: on the wire there is a
// description of the block, and a byte behind each type.
type copier struct {
	src      source
	dst      *bufio.Writer
	fromWire bool
}

// block copies one block and returns its header.
func (c *copier) block() (h Header, err error) {
	if c.fromWire {
		if err := c.info(); err != nil {
			return h, err
		}
	}
	columns, err := c.src.count("number of columns", maxColumns)
	if err != nil {
		return h, err
	}
	if h.Rows, err = c.src.count("number of rows", maxRows); err != nil {
		return h, err
	}
	if h.Rows > 0 {
		if columns == 0 {
			return h, fmt.Errorf("%w: %d rows without columns", ErrMalformed, h.Rows)
		}
		if err := c.begin(columns, h.Rows); err != nil {
			return h, err
		}
	}
	for range columns {
		column, err := c.column(h.Rows)
		if err != nil {
			return h, fmt.Errorf("column %.100q: %w", column.Name, err)
		}
		h.Columns = append(h.Columns, column)
	}
	return h, nil
}

// info reads the description of a block, of which a client has nothing to say.
func (c *copier) info() error {
	for {
		field, err := c.src.uvarint()
		if err != nil {
			return err
		}
		switch field {
		case infoEnd:
			return nil
		case infoOverflows:
			err = c.src.skip(1)
		case infoBucket:
			err = c.src.skip(4)
		default:
			err = fmt.Errorf("%w: field %d of a block's description", ErrMalformed, field)
		}
		if err != nil {
			return err
		}
	}
}

// column copies one column.
func (c *copier) column(rows uint64) (column Column, err error) {
	if column.Name, err = c.src.text(maxName); err != nil {
		return column, err
	}
	if column.Type, err = c.src.text(maxType); err != nil {
		return column, err
	}
	if c.fromWire {
		custom, err := c.src.byte()
		if err != nil {
			return column, err
		}
		if custom != 0 {
			return column, fmt.Errorf("%w: a serialisation of its own", ErrUnsupportedType)
		}
	}
	l, err := parseType(column.Type, 0)
	if err != nil || rows == 0 {
		return column, err
	}
	if err := c.head(column); err != nil {
		return column, err
	}
	if err := c.prefix(l); err != nil {
		return column, err
	}
	return column, c.values(l, rows)
}

// begin writes what comes before the columns.
func (c *copier) begin(columns, rows uint64) error {
	var b []byte
	if !c.fromWire {
		b = append(b, infoOverflows, 0, infoBucket, 0xff, 0xff, 0xff, 0xff, infoEnd)
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, columns), rows)
	_, err := c.dst.Write(b)
	return err
}

// head writes what comes before a column's values.
func (c *copier) head(column Column) error {
	b := appendText(appendText(nil, column.Name), column.Type)
	if !c.fromWire {
		b = append(b, 0) // no serialisation of its own
	}
	_, err := c.dst.Write(b)
	return err
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
