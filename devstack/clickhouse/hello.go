package clickhouse

import (
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// helloQuery is what clickhouse-go asks first over HTTP, as there is no
// handshake like that of the native protocol.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// isHello tells whether the query is the handshake of a client that would
// read Native blocks of a newer revision than those which we write.
func (req *request) isHello(st statement) bool {
	return req.protocol > 0 && req.defaultFormat == "Native" && strings.TrimSpace(st.text) == helloQuery
}

// hello answers the handshake.
//
// Clients write and read blocks in the format of the server's revision, and the server responds in
// that of the client's. The library's blocks have revision 0, which the server reports.
func (e *engine) hello(revision uint64) ([]byte, error) {
	name, version, zone := new(proto.ColStr), new(proto.ColStr), new(proto.ColStr)
	name.Append(e.displayName)
	version.Append(e.version)
	zone.Append(e.timezone)
	columns := []proto.InputColumn{
		{Name: "displayName()", Data: name},
		{Name: "version()", Data: version},
		{Name: "revision()", Data: &proto.ColUInt32{0}},
		{Name: "timezone()", Data: zone},
	}
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: len(columns), Rows: 1}
	var buf proto.Buffer
	if err := block.EncodeBlock(&buf, int(revision), columns); err != nil {
		return nil, fmt.Errorf("encode handshake: %w", err)
	}
	return buf.Buf, nil
}
