// Package native reads and writes ClickHouse's native TCP protocol from the
// side of a server (https://clickhouse.com/docs/native-protocol). It knows the
// messages and the layout of blocks, and nothing of an engine.
//
// What comes from a client is not trusted: every length is bounded before
// memory is taken for it, and the values of a block are passed on while they
// arrive instead of being held.
package native

import "errors"

const (
	// Revision is the version of the protocol that is spoken with every
	// client that knows it: query parameters, but none of the serialisations
	// that came later.
	Revision = 54460

	// MinRevision is the oldest version that is spoken. Those before it lack
	// query parameters, and every message has fields that depend on that.
	MinRevision = 54459
)

// What may be wrong with a client's bytes. Reading returns io.EOF only
// between two packets, and io.ErrUnexpectedEOF inside of one.
var (
	// ErrMalformed is wrapped where bytes cannot be what the protocol asks for.
	ErrMalformed = errors.New("malformed packet")

	// ErrUnsupportedType is wrapped where a column's type has no layout that
	// can be followed, such as JSON or the state of an aggregate function.
	ErrUnsupportedType = errors.New("unsupported type")
)

// Code is the first byte of a client's packet.
type Code byte

// The packets of a client.
const (
	CodeHello  Code = 0
	CodeQuery  Code = 1
	CodeData   Code = 2
	CodeCancel Code = 3
	CodePing   Code = 4
)

// Bounds of what a client may send. Whatever is larger is ErrMalformed.
const (
	// maxName bounds names, addresses and the like, in bytes.
	maxName = 64 << 10
	// maxType bounds the text of a type; an Enum16 with all of its values may
	// be long.
	maxType = 1 << 20
	// maxText bounds a query and the value of a setting or a parameter.
	maxText = 64 << 20
	// maxEntries bounds the number of settings, and that of parameters.
	maxEntries = 10_000
	// maxColumns bounds the columns of a block, and maxRows its rows.
	maxColumns = 10_000
	maxRows    = 1 << 30
	// maxValues bounds the values in all arrays of one column of a block.
	maxValues = 1 << 36
	// maxFixedString is the engine's own bound of FixedString(N).
	maxFixedString = 0xFFFFFF
	// maxDepth bounds how deep types are nested.
	maxDepth = 64
)
