package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// IfMatch is the input of an operation that edits state.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"200" doc:"ETag of the state that is edited, as read before. Required; * edits any state."`
}

// etagOf returns the entity tag of a state: a hash of its JSON form.
func etagOf(state any) (string, error) {
	data, err := json.Marshal(state)
	if err != nil {
		return "", fmt.Errorf("hash the state: %w", err)
	}
	hash := sha256.Sum256(data)
	return `"` + hex.EncodeToString(hash[:16]) + `"`, nil
}

// matches returns a problem unless the client has seen the state that it edits, whose tag is etag; err is why there is
// no tag.
func (i IfMatch) matches(etag string, err error) error {
	if err != nil {
		return err
	}
	if i.IfMatch == "" {
		return newProblem(problemNeedsMatch, "Read the state first, and send its ETag as If-Match.")
	}
	for tag := range strings.SplitSeq(i.IfMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag {
			return nil
		}
	}
	return newProblem(problemPrecondition, "The state is not the one that If-Match names: read it again.")
}
