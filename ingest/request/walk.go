package request

import "encoding/json"

// walkObject calls each with the members of an object in their order, also with those of a name that there was before.
// The object must be valid JSON without space around it. The values are parts of it.
//
// Package encoding/json makes a map of all members, which costs more than everything else that an event is parsed for.
func walkObject(object []byte, each func(name string, value json.RawMessage)) {
	for at := skipSpace(object, 1); object[at] != '}'; {
		end := skipString(object, at)
		// A name that is valid JSON is a text.
		name, _ := text(object[at:end])
		at = skipSpace(object, skipSpace(object, end)+len(":"))
		end = skipValue(object, at)
		each(name, object[at:end:end])
		if at = skipSpace(object, end); object[at] == ',' {
			at = skipSpace(object, at+1)
		}
	}
}

// skipSpace returns the place of the next character that is no space.
func skipSpace(json []byte, at int) int {
	for json[at] == ' ' || json[at] == '\t' || json[at] == '\r' || json[at] == '\n' {
		at++
	}
	return at
}

// skipString returns the place behind a string that begins at a place.
func skipString(json []byte, at int) int {
	for at++; json[at] != '"'; at++ {
		if json[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipValue returns the place behind a value in an object or a list.
func skipValue(json []byte, at int) int {
	switch json[at] {
	case '"':
		return skipString(json, at)
	case '{', '[':
		for open := 0; ; {
			switch json[at] {
			case '"':
				at = skipString(json, at)
				continue
			case '{', '[':
				open++
			case '}', ']':
				open--
			}
			at++
			if open == 0 {
				return at
			}
		}
	default:
		for {
			switch json[at] {
			case ',', '}', ']', ' ', '\t', '\r', '\n':
				return at
			}
			at++
		}
	}
}
