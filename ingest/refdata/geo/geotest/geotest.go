// Package geotest writes small databases in MaxMind's format,
// https://maxmind.github.io/MaxMind-DB, for tests.
package geotest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// City returns a record of GeoIP2's schema.
func City(country string, geoNameID uint32, subdivisions ...string) map[string]any {
	record := map[string]any{"country": map[string]any{"iso_code": country}}
	if geoNameID != 0 {
		record["city"] = map[string]any{"geoname_id": geoNameID}
	}
	var list []any
	for _, code := range subdivisions {
		list = append(list, map[string]any{"iso_code": code})
	}
	if list != nil {
		record["subdivisions"] = list
	}
	return record
}

// node is an inner node of the search tree. A child is another node, a record's offset in
// the data section, or nothing.
type node struct {
	children [2]*node
	data     [2]int
	filled   [2]bool
}

// Database returns a database of records by network. Longer prefixes must not lie inside
// shorter ones.
func Database(kind string, records map[string]map[string]any) []byte {
	root := &node{}
	var data []byte
	for _, text := range slices.Sorted(maps.Keys(records)) {
		prefix := netip.MustParsePrefix(text)
		address, bits := prefix.Addr().As16(), prefix.Bits()
		if prefix.Addr().Is4() {
			// Networks of IPv4 lie below ::/96.
			four := prefix.Addr().As4()
			address, bits = [16]byte{}, bits+96
			copy(address[12:], four[:])
		}
		root.insert(address, bits, len(data))
		data = append(data, encode(records[text])...)
	}
	var nodes []*node
	index := map[*node]int{}
	var walk func(n *node)
	walk = func(n *node) {
		index[n] = len(nodes)
		nodes = append(nodes, n)
		for _, child := range n.children {
			if child != nil {
				walk(child)
			}
		}
	}
	walk(root)
	var file []byte
	for _, n := range nodes {
		for side := range 2 {
			record := len(nodes)
			switch {
			case n.children[side] != nil:
				record = index[n.children[side]]
			case n.filled[side]:
				record = len(nodes) + 16 + n.data[side]
			}
			file = append(file, byte(record>>16), byte(record>>8), byte(record))
		}
	}
	file = append(file, make([]byte, 16)...)
	file = append(file, data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	return append(file, encode(map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
		"build_epoch": uint64(1_700_000_000), "database_type": kind, "description": map[string]any{"en": "for tests"},
		"ip_version": uint16(6), "languages": []any{"en"}, "node_count": uint32(len(nodes)), "record_size": uint16(24),
	})...)
}

func (n *node) insert(address [16]byte, bits, data int) {
	for i := range bits {
		side := address[i/8] >> (7 - i%8) & 1
		if i == bits-1 {
			n.data[side], n.filled[side] = data, true
			return
		}
		if n.children[side] == nil {
			n.children[side] = &node{}
		}
		n = n.children[side]
	}
}

// Types of the data section.
const (
	typeText   = 2
	typeUint16 = 5
	typeUint32 = 6
	typeMap    = 7
	typeUint64 = 9
	typeArray  = 11
)

func encode(value any) []byte {
	switch v := value.(type) {
	case string:
		return append(control(typeText, len(v)), v...)
	case uint16:
		return append(control(typeUint16, 2), binary.BigEndian.AppendUint16(nil, v)...)
	case uint32:
		return append(control(typeUint32, 4), binary.BigEndian.AppendUint32(nil, v)...)
	case uint64:
		return append(control(typeUint64, 8), binary.BigEndian.AppendUint64(nil, v)...)
	case []any:
		out := control(typeArray, len(v))
		for _, element := range v {
			out = append(out, encode(element)...)
		}
		return out
	case map[string]any:
		out := control(typeMap, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(append(out, encode(key)...), encode(v[key])...)
		}
		return out
	default:
		panic(fmt.Sprintf("geotest: encode a value: unsupported type %T", value))
	}
}

// control returns the bytes that name a type and a size below 285.
func control(kind, size int) []byte {
	var extra []byte
	if size >= 29 {
		extra, size = []byte{byte(size - 29)}, 29
	}
	if kind > 7 {
		return append([]byte{byte(size), byte(kind - 7)}, extra...)
	}
	return append([]byte{byte(kind<<5 | size)}, extra...)
}
