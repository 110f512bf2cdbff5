package clickhouse

import (
	"net"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

// rawClient speaks the native protocol packet by packet, to do what no proper
// client does.
type rawClient struct {
	t      *testing.T
	socket *net.TCPConn
	in     *proto.Reader
}

func dialRaw(t *testing.T, address string) *rawClient {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			require.ErrorIs(t, err, net.ErrClosed)
		}
	})
	socket, ok := conn.(*net.TCPConn)
	require.True(t, ok)
	return &rawClient{t, socket, proto.NewReader(conn)}
}

// greeted is a client behind the handshake.
func greeted(t *testing.T, address, database string) *rawClient {
	t.Helper()
	c := dialRaw(t, address)
	c.send(func(b *proto.Buffer) {
		proto.ClientHello{Name: "raw", ProtocolVersion: native.Revision, Database: database}.Encode(b)
	})
	require.Equal(t, proto.ServerCodeHello, c.code())
	var hello proto.ServerHello
	require.NoError(t, hello.DecodeAware(c.in, native.Revision))
	require.Equal(t, native.Revision, hello.Revision)
	c.send(func(b *proto.Buffer) { b.PutString("") })
	return c
}

func (c *rawClient) send(encode func(*proto.Buffer)) {
	c.t.Helper()
	var b proto.Buffer
	encode(&b)
	_, err := c.socket.Write(b.Buf)
	require.NoError(c.t, err)
}

// code reads the code of a packet.
func (c *rawClient) code() proto.ServerCode {
	c.t.Helper()
	code, err := c.in.ReadByte()
	require.NoError(c.t, err)
	return proto.ServerCode(code)
}

// exception reads an exception.
func (c *rawClient) exception() proto.Exception {
	c.t.Helper()
	require.Equal(c.t, proto.ServerCodeException, c.code())
	var e proto.Exception
	require.NoError(c.t, e.DecodeAware(c.in, native.Revision))
	return e
}

// query sends a query without data.
func (c *rawClient) query(sql string) {
	c.t.Helper()
	c.send(func(b *proto.Buffer) {
		proto.Query{
			Body: sql, Stage: proto.StageComplete,
			Info: proto.ClientInfo{Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP},
		}.EncodeAware(b, native.Revision)
		b.Buf = append(b.Buf, dataPacket(c.t, 0)...)
	})
}

// ping expects the connection to be in order.
func (c *rawClient) ping() {
	c.t.Helper()
	c.send(proto.ClientCodePing.Encode)
	require.Equal(c.t, proto.ServerCodePong, c.code())
}

// prepared sends an INSERT and reads what the server asks for.
func (c *rawClient) prepared(sql string) {
	c.t.Helper()
	c.query(sql)
	require.Equal(c.t, proto.ServerCodeTableColumns, c.code())
	var columns proto.TableColumns
	require.NoError(c.t, columns.DecodeAware(c.in, native.Revision))
	require.Contains(c.t, columns.Second, "columns format version: 1\n4 columns:\n`a` UInt64\n")
	require.Contains(c.t, columns.Second, "`twice` UInt64\tDEFAULT\ta * 2\n")
	require.Equal(c.t, proto.ServerCodeData, c.code())
	_, err := c.in.Str()
	require.NoError(c.t, err)
	var header proto.Block
	require.NoError(c.t, header.DecodeBlock(c.in, native.Revision, nil))
	require.Equal(c.t, 2, header.Columns)
	require.Zero(c.t, header.Rows)
}

// dataPacket is a packet with n rows of (a UInt64, s String), the end of the
// data if there are none.
func dataPacket(t *testing.T, n int) []byte {
	t.Helper()
	var b proto.Buffer
	proto.ClientCodeData.Encode(&b)
	proto.ClientData{}.EncodeAware(&b, native.Revision)
	block, input := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Rows: n}, proto.Input(nil)
	if n > 0 {
		a, s := new(proto.ColUInt64), new(proto.ColStr)
		for i := range n {
			a.Append(uint64(i))
			s.Append("text")
		}
		input = proto.Input{{Name: "a", Data: a}, {Name: "s", Data: s}}
		block.Columns = len(input)
	}
	require.NoError(t, block.EncodeBlock(&b, native.Revision, input))
	return b.Buf
}
