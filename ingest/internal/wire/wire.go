// Package wire reads and writes the wire format of protocol buffers without generated code.
package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Value is one field of a message as read.
type Value struct {
	Num  protowire.Number
	Type protowire.Type
	// Number is the value of a varint or a fixed number, Text and Data that of bytes.
	Number uint64
	Text   string
	Data   []byte
}

// Signed returns the number of a field that AppendSigned has written.
func (v Value) Signed() int64 { return protowire.DecodeZigZag(v.Number) }

// Fields calls set for each field of a message. Texts of the fields are parts of one copy of
// data.
func Fields(data []byte, set func(Value) error) error { return fields(data, string(data), set) }

// Within calls set for each field of a nested message. The name is for errors.
func Within(name string, v Value, set func(Value) error) error {
	if v.Type != protowire.BytesType {
		return fmt.Errorf("%s: wire type %d: want %d", name, v.Type, protowire.BytesType)
	}
	if err := fields(v.Data, v.Text, set); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Narrow stores a number that must be at most limit, the largest of its type.
func Narrow[T uint8 | uint16 | uint32](into *T, name string, v Value) error {
	limit := uint64(^T(0))
	if v.Number > limit {
		return fmt.Errorf("%s %d: want at most %d", name, v.Number, limit)
	}
	*into = T(v.Number)
	return nil
}

// fields calls set for each field of a message. Data and text are the same bytes.
func fields(data []byte, text string, set func(Value) error) error {
	for rest := data; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		v := Value{Num: num, Type: typ}
		rest = rest[n:]
		switch typ {
		case protowire.VarintType:
			v.Number, n = protowire.ConsumeVarint(rest)
		case protowire.Fixed64Type:
			v.Number, n = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			v.Data, n = protowire.ConsumeBytes(rest)
			if n >= 0 {
				end := len(text) - len(rest) + n
				v.Text = text[end-len(v.Data) : end]
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, rest)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		if err := set(v); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// AppendMessage appends a nested message, which fill appends.
func AppendMessage(b []byte, num protowire.Number, fill func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	// Most lengths take one byte. The content of others is moved, which costs less than to
	// encode it twice.
	b = fill(append(b, 0))
	n := len(b) - start - 1
	size := protowire.SizeVarint(uint64(n))
	for range size - 1 {
		b = append(b, 0)
	}
	copy(b[start+size:], b[start+1:start+1+n])
	protowire.AppendVarint(b[start:start], uint64(n))
	return b
}

// AppendText appends a text, unless it is empty.
func AppendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

// AppendNumber appends a number, unless it is zero.
func AppendNumber(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// AppendSigned appends a number that may be negative, unless it is zero.
func AppendSigned(b []byte, num protowire.Number, v int64) []byte {
	return AppendNumber(b, num, protowire.EncodeZigZag(v))
}

// AppendFixed appends a number that is uniformly distributed, as hashes are, unless it is zero.
func AppendFixed(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
}
