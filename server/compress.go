package server

import (
	"fmt"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressedTypes are the media types of answers that are compressed. Streams of events are not among them: each event
// must reach the client at once.
var compressedTypes = []string{
	"text/html", "text/css", "text/javascript", "application/javascript", "application/json", "application/problem+json",
	"application/vnd.oai.openapi+json", "text/csv", "text/plain",
}

// minCompressed is the size of the smallest answer that is compressed, in bytes: a smaller one fits into one packet.
const minCompressed = 1400

// compressed compresses the answers of a handler with gzip for clients that accept it. Answers that are compressed
// already, such as the files of pages, stay as they are.
//
// An ETag stays as it is: it is of a state, and clients send it back in If-Match.
//
// The size of a compressed answer tells those who watch the connection how much of it repeats what the request has
// (BREACH), which gives away a secret that is in an answer beside text of the request. There is none: forms are
// protected by http.CrossOriginProtection and not by tokens, sessions are in cookies, secrets of connections are never
// shown, and new tokens and keys are shown once, in the answer to a form that other sites cannot send.
func compressed(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.ContentTypes(compressedTypes), gzhttp.MinSize(minCompressed), gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("compress answers: %w", err)
	}
	return wrap(next), nil
}
