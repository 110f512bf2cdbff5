package clickhouse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/sluicehq/sluice/devstack/clickhouse/native"
)

const (
	// answerBuffer is the size of the buffer before the socket.
	answerBuffer = 64 << 10
	// frameBuffer is how much goes into one compressed frame.
	frameBuffer = 256 << 10
)

// nativeAnswer writes a server's packets.
type nativeAnswer struct {
	w        *bufio.Writer
	revision int

	// frames is what compresses blocks on their way to w, nil if they are not.
	frames *bufio.Writer
}

func newNativeAnswer(w io.Writer) *nativeAnswer {
	return &nativeAnswer{w: bufio.NewWriterSize(w, answerBuffer), revision: native.MinRevision}
}

// compress chooses how the blocks of the next answer are compressed.
func (a *nativeAnswer) compress(method compress.Method) {
	frames := &blockEncoder{a.w, compress.NewWriter(compress.LevelZero, method)}
	if a.frames == nil {
		a.frames = bufio.NewWriterSize(frames, frameBuffer)
	} else {
		a.frames.Reset(frames)
	}
}

// add writes a packet without sending it yet.
func (a *nativeAnswer) add(encode func(*proto.Buffer)) error {
	var b proto.Buffer
	encode(&b)
	if _, err := a.w.Write(b.Buf); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// packet writes a packet and sends all that was written.
func (a *nativeAnswer) packet(encode func(*proto.Buffer)) error {
	if err := a.add(encode); err != nil {
		return err
	}
	return a.flush()
}

func (a *nativeAnswer) flush() error {
	if err := a.w.Flush(); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// block writes a packet of data that write fills.
func (a *nativeAnswer) block(compressed bool, write func(*bufio.Writer) error) error {
	// The name of an external table, which ours are not.
	if _, err := a.w.Write([]byte{byte(proto.ServerCodeData), 0}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if !compressed {
		return write(a.w)
	}
	return errors.Join(write(a.frames), a.frames.Flush())
}

// header writes the block that names the columns of what is to come.
func (a *nativeAnswer) header(compressed bool, columns []native.Column) error {
	return a.block(compressed, func(w *bufio.Writer) error { return native.WriteHeader(w, columns) })
}

// hello greets a client.
func (a *nativeAnswer) hello(e *engine) error {
	version := [3]int{}
	for i, part := range strings.SplitN(e.version, ".", 4)[:3] {
		n, err := strconv.Atoi(part)
		if err != nil {
			return fmt.Errorf("version %q of the engine: %w", e.version, err)
		}
		version[i] = n
	}
	return a.packet(func(b *proto.Buffer) {
		hello := proto.ServerHello{
			Name: "ClickHouse", DisplayName: e.displayName, Timezone: e.timezone, Revision: native.Revision,
			Major: version[0], Minor: version[1], Patch: version[2],
		}
		hello.EncodeAware(b, a.revision)
	})
}

// end tells what a query did, and that it has succeeded.
func (a *nativeAnswer) end(counts progress) error {
	return a.packet(func(b *proto.Buffer) {
		proto.ServerCodeProgress.Encode(b)
		proto.Progress{
			Rows: counts.readRows, Bytes: counts.readBytes,
			WroteRows: counts.writtenRows, WroteBytes: counts.writtenBytes,
		}.EncodeAware(b, a.revision)
		proto.ServerCodeEndOfStream.Encode(b)
	})
}

// nativeTail is what a message ends with over HTTP, but not here.
var nativeTail = regexp.MustCompile(`( \([A-Z][A-Z0-9_]+\))?( \(version [^()]*(\([^()]*\))?[^()]*\))?\s*$`)

// exception tells that a query has failed.
func (a *nativeAnswer) exception(e *exception) error {
	const name = "DB::Exception"
	text := nativeTail.ReplaceAllString(codePrefix.ReplaceAllString(e.text, ""), "")
	return a.packet(func(b *proto.Buffer) {
		proto.ServerCodeException.Encode(b)
		(&proto.Exception{Code: proto.Error(e.code), Name: name, Message: name + ": " + text}).EncodeAware(b, a.revision)
	})
}

// nativeException makes an exception of what is wrong with a client's packet.
func nativeException(err error) *exception {
	switch {
	case errors.Is(err, native.ErrUnsupportedType):
		return newException(codeNotImplemented, "The native interface cannot transfer these data: %s", err)
	case errors.Is(err, native.ErrMalformed):
		return newException(codeUnexpectedPacket, "Unexpected packet from client: %s", err)
	default:
		return asException(err)
	}
}
