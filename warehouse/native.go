package warehouse

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/warehouse/schema"
)

// streamRows sends a chunk's rows over HTTP as one block in ClickHouse's Native
// format, directly from the batch. The driver's batches would hold the rows two more times,
// in columns and encoded, which is too much memory for a worker that loads several parts
// concurrently.
func (w *Warehouse) streamRows(ctx context.Context, query string, key ChunkKey, rows *schema.Batch) error {
	reader, writer := io.Pipe()
	encoded := make(chan error, 1)
	go func() {
		buffered := bufio.NewWriterSize(writer, 256<<10)
		err := encodeBlock(buffered, key, rows)
		if err == nil {
			err = buffered.Flush()
		}
		// An error truncates the body, so that the server refuses the block.
		encoded <- errors.Join(err, writer.CloseWithError(err))
	}()
	err := w.conn.InsertFormat(ctx, "Native", query, reader)
	if closeErr := reader.CloseWithError(errAbandoned); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	// After a successful response the encoder has succeeded, too.
	if encodeErr := <-encoded; err == nil {
		err = encodeErr
	}
	return err
}

// errAbandoned ends the encoder when the request has ended.
var errAbandoned = errors.New("the insert has ended")

// encodeBlock writes one block: the number of columns and of rows, then for each
// column its name, its type and its values. This is the Native format of inserts
// over HTTP, revision 0.
// https://clickhouse.com/docs/interfaces/formats/Native
func encodeBlock(w *bufio.Writer, key ChunkKey, rows *schema.Batch) error {
	table, n := rows.Table(), rows.Rows()
	e := &encoder{w: w}
	e.uvarint(uint64(len(loaderColumns) + len(table.Columns)))
	e.uvarint(uint64(n))
	for i, v := range []uint64{key.SiteID, key.ImportID} {
		e.column(loaderColumns[i], schema.KindUint64)
		e.repeat(binary.LittleEndian.AppendUint64(nil, v), n)
	}
	for i, v := range []uint32{key.Part, key.Chunk} {
		e.column(loaderColumns[2+i], schema.KindUint32)
		e.repeat(binary.LittleEndian.AppendUint32(nil, v), n)
	}
	for i, c := range table.Columns {
		e.column(c.Name, c.Kind)
		switch c.Kind {
		case schema.KindDate:
			for _, v := range rows.Dates(i) {
				e.write(binary.LittleEndian.AppendUint16(e.w.AvailableBuffer(), v))
			}
		case schema.KindUint32:
			for _, v := range rows.Uint32s(i) {
				e.write(binary.LittleEndian.AppendUint32(e.w.AvailableBuffer(), v))
			}
		case schema.KindUint64:
			for _, v := range rows.Uint64s(i) {
				e.write(binary.LittleEndian.AppendUint64(e.w.AvailableBuffer(), v))
			}
		case schema.KindString:
			start := uint32(0)
			text, ends := rows.Text(i)
			for _, end := range ends {
				e.uvarint(uint64(end - start))
				e.write(text[start:end])
				start = end
			}
		}
		if e.err != nil {
			return fmt.Errorf("encode column %s: %w", c.Name, e.err)
		}
	}
	return e.err
}

// encoder writes values until the first error, which it keeps.
type encoder struct {
	w   *bufio.Writer
	err error
}

func (e *encoder) write(p []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(p)
	}
}

func (e *encoder) uvarint(v uint64) { e.write(binary.AppendUvarint(e.w.AvailableBuffer(), v)) }

func (e *encoder) column(name string, kind schema.Kind) {
	for _, text := range []string{name, kind.String()} {
		e.uvarint(uint64(len(text)))
		e.write([]byte(text))
	}
}

// repeat writes the same value n times.
func (e *encoder) repeat(value []byte, n int) {
	for range n {
		e.write(value)
	}
}
