package native

import (
	"encoding/binary"
	"fmt"
)

// Parts of a dictionary-encoded column's head.
const (
	// dictionaryVersion is the only one there is.
	dictionaryVersion = 1
	// indexWidth is the mask of the index's width, as a power of two.
	indexWidth = 0xff
	// The dictionary is either in the block or shared with other blocks, which only files do.
	globalDictionary = 1 << 8
	ownDictionary    = 1 << 9
)

// prefix copies what some types write once before the values of a column.
func (c *copier) prefix(l layout) error {
	if l.shape == shapeLowCardinality {
		version, err := c.word()
		if err == nil && version != dictionaryVersion {
			err = fmt.Errorf("%w: dictionary of version %d", ErrMalformed, version)
		}
		return err
	}
	for _, inner := range l.inner {
		if err := c.prefix(inner); err != nil {
			return err
		}
	}
	return nil
}

// values copies n values.
func (c *copier) values(l layout, n uint64) error {
	if n == 0 {
		return nil
	}
	switch l.shape {
	case shapeFixed:
		return c.bytes(int64(n) * l.size)
	case shapeText:
		return c.texts(n)
	case shapeNullable:
		if err := c.bytes(int64(n)); err != nil {
			return err
		}
		return c.values(l.inner[0], n)
	case shapeArray:
		return c.array(l.inner[0], n)
	case shapeLowCardinality:
		return c.dictionary(l.inner[0], n)
	default: // shapeTuple
		for _, inner := range l.inner {
			if err := c.values(inner, n); err != nil {
				return err
			}
		}
		return nil
	}
}

// array copies the ends of n arrays, the last of which is the number of all
// values, and then these.
func (c *copier) array(inner layout, n uint64) error {
	if err := c.bytes(int64(n-1) * 8); err != nil {
		return err
	}
	total, err := c.word()
	if err != nil {
		return err
	}
	if err := within("values in arrays", total, maxValues); err != nil {
		return err
	}
	return c.values(inner, total)
}

// dictionary copies a dictionary and n indices into it.
func (c *copier) dictionary(inner layout, n uint64) error {
	head, err := c.word()
	if err != nil {
		return err
	}
	width := head & indexWidth
	if width > 3 || head&globalDictionary != 0 || head&ownDictionary == 0 {
		return fmt.Errorf("%w: dictionary with flags %#x", ErrMalformed, head)
	}
	size, err := c.word()
	if err != nil {
		return err
	}
	if err := within("values in a dictionary", size, maxRows); err != nil {
		return err
	}
	if err := c.values(inner, size); err != nil {
		return err
	}
	indices, err := c.word()
	if err != nil {
		return err
	}
	if indices != n {
		return fmt.Errorf("%w: %d indices for %d values", ErrMalformed, indices, n)
	}
	return c.bytes(int64(n) << width)
}

// word copies a number of 64 bits and returns it.
func (c *copier) word() (uint64, error) {
	v, err := c.src.uint64()
	if err != nil {
		return 0, err
	}
	_, err = c.dst.Write(binary.LittleEndian.AppendUint64(nil, v))
	return v, err
}

// bytes copies n bytes, from buffer to buffer.
func (c *copier) bytes(n int64) error {
	for n > 0 {
		if _, err := c.src.Peek(1); err != nil {
			return unexpected(err)
		}
		size := int(min(n, int64(c.src.Buffered())))
		if err := c.move(size); err != nil {
			return err
		}
		n -= int64(size)
	}
	return nil
}

// texts copies n texts: as many at once as are complete in the buffer.
func (c *copier) texts(n uint64) error {
	for n > 0 {
		if _, err := c.src.Peek(1); err != nil {
			return unexpected(err)
		}
		window, err := c.src.Peek(c.src.Buffered())
		if err != nil {
			return err
		}
		complete, size := completeTexts(window, n)
		if complete == 0 {
			if err := c.oneText(); err != nil {
				return err
			}
			n--
			continue
		}
		if err := c.move(size); err != nil {
			return err
		}
		n -= complete
	}
	return nil
}

// completeTexts returns how many texts, at most n, are completely in window,
// and their size.
func completeTexts(window []byte, n uint64) (complete uint64, size int) {
	for complete < n {
		length, width := binary.Uvarint(window[size:])
		if width <= 0 || length > uint64(len(window)-size-width) {
			break
		}
		size += width + int(length)
		complete++
	}
	return complete, size
}

// oneText copies a text that is larger than what is in the buffer.
func (c *copier) oneText() error {
	length, err := c.src.count("length of a value", maxValues)
	if err != nil {
		return err
	}
	if _, err := c.dst.Write(binary.AppendUvarint(nil, length)); err != nil {
		return err
	}
	return c.bytes(int64(length))
}

// move copies n bytes that are in the buffer.
func (c *copier) move(n int) error {
	window, err := c.src.Peek(n)
	if err != nil {
		return unexpected(err)
	}
	if _, err := c.dst.Write(window); err != nil {
		return err
	}
	_, err = c.src.Discard(n)
	return err
}
