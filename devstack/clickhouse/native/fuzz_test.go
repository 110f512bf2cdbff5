package native_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

// FuzzReader feeds a client's packets from arbitrary bytes: whatever they are,
// reading them ends, with an error of a known kind, and takes no memory for
// what was only announced.
func FuzzReader(f *testing.F) {
	f.Add(encode(func(b *proto.Buffer) {
		proto.ClientHello{Name: "x", ProtocolVersion: native.Revision, Database: "d", User: "u"}.Encode(b)
	}))
	f.Add(encode(func(b *proto.Buffer) { fullQuery().EncodeAware(b, native.Revision) }))
	f.Add(append([]byte{byte(native.CodeData), 0}, everyType(f)...))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, packets []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := readAll(packets)
		runtime.ReadMemStats(&after)
		require.Error(t, err, "the end is one too")
		for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, native.ErrMalformed, native.ErrUnsupportedType} {
			if errors.Is(err, known) {
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20+100*len(packets)))
				return
			}
		}
		require.NoError(t, err, "an error of an unknown kind")
	})
}

// readAll reads packets as a server does, up to the first error.
func readAll(packets []byte) error {
	r := native.NewReader(bytes.NewReader(packets))
	w := bufio.NewWriter(io.Discard)
	for {
		code, err := r.Next()
		if err != nil {
			return err
		}
		switch code {
		case native.CodeHello:
			_, err = r.ReadHello()
		case native.CodeQuery:
			_, err = r.ReadQuery()
		case native.CodeData:
			if _, err = r.ReadTableName(); err == nil {
				_, err = r.CopyBlock(w, false)
			}
		case native.CodeCancel, native.CodePing:
		default:
			_, err = r.Text()
		}
		if err != nil {
			return err
		}
	}
}

// FuzzCompressedBlock does the same with blocks whose compression is in order
// and whose contents are not.
func FuzzCompressedBlock(f *testing.F) {
	f.Add(everyType(f))
	f.Fuzz(func(t *testing.T, block []byte) {
		c := compress.NewWriter(compress.LevelZero, compress.LZ4)
		require.NoError(t, c.Compress(block))
		plain, compressed := bytes.Buffer{}, bytes.Buffer{}
		plainErr := copyBlock(&plain, block, false)
		compressedErr := copyBlock(&compressed, c.Data, true)
		if plainErr == nil && compressedErr == nil {
			require.Equal(t, plain.Bytes(), compressed.Bytes())
		} else if compressedErr == nil {
			require.NoError(t, plainErr, "what is read compressed is read as it is, too")
		}
	})
}

func copyBlock(to io.Writer, block []byte, compressed bool) error {
	w := bufio.NewWriter(to)
	if _, err := native.NewReader(bytes.NewReader(block)).CopyBlock(w, compressed); err != nil {
		return err
	}
	return w.Flush()
}
