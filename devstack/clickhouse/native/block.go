package native

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// Column is the head of a column: its name and the name of its type.
type Column struct {
	Name, Type string
}

// Header describes a block.
type Header struct {
	// Columns is empty in the block that ends a client's data.
	Columns []Column
	Rows    uint64
}

// Fields of a block's description that comes before its columns.
const (
	infoEnd       = 0
	infoOverflows = 1
	infoBucket    = 2
)

// ReadTableName reads what a packet of data starts with: the name of an
// external table, or "" for the data of an INSERT and for the end of either.
func (r *Reader) ReadTableName() (string, error) { return r.raw.text(maxName) }

// CopyBlock copies a client's block to w in the Native format of files, that of revision 0, without
// the block's description. It writes nothing of a block without rows.
//
// It returns when the whole block is in w, which it does not flush. After an
// error the client's next packet cannot be found any more.
func (r *Reader) CopyBlock(w *bufio.Writer, compressed bool) (Header, error) {
	c := &copier{src: r.blocks(compressed), dst: w, fromWire: true}
	h, err := c.block()
	if err != nil {
		return h, fmt.Errorf("read block: %w", err)
	}
	if compressed && r.data.Buffered() > 0 {
		return h, fmt.Errorf("read block: %w: bytes behind the end", ErrMalformed)
	}
	return h, nil
}

// SendBlocks passes blocks of the Native format of files on to a client, each
// as a packet of data. The packets' bytes are given to packet, which writes
// them and is called once for each block.
func SendBlocks(blocks []byte, packet func(write func(*bufio.Writer) error) error) error {
	src := source{bufio.NewReaderSize(bytes.NewReader(blocks), readerSize)}
	for {
		if _, err := src.Peek(1); err == io.EOF { //nolint:errorlint // A reader of bytes returns nothing else.
			return nil
		}
		err := packet(func(w *bufio.Writer) error {
			c := &copier{src: src, dst: w}
			_, err := c.block()
			return err
		})
		if err != nil {
			return fmt.Errorf("send block: %w", err)
		}
	}
}

// PeekHeader returns the header of the first of blocks.
func PeekHeader(blocks []byte) (Header, error) {
	c := &copier{src: source{bufio.NewReader(bytes.NewReader(blocks))}, dst: bufio.NewWriter(io.Discard)}
	return c.block()
}

// WriteHeader writes a block without rows: the names and types that are to
// come, or without columns the end of the data.
func WriteHeader(w *bufio.Writer, columns []Column) error {
	c := &copier{dst: w}
	if err := c.begin(uint64(len(columns)), 0); err != nil {
		return err
	}
	for _, column := range columns {
		if err := c.head(column); err != nil {
			return err
		}
	}
	return nil
}
