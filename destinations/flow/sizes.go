package flow

import (
	"fmt"
	"reflect"
	"time"

	"github.com/sluicehq/sluice/destinations"
)

// What values take, in bytes, roughly.
const (
	sizeElement = 16
	sizeText    = 32
	sizeEntry   = 64
	sizeObject  = 256
	sizeOther   = 40
)

// shallow returns what a value takes that was made of others, without these.
func shallow(value any) int {
	switch v := value.(type) {
	case nil, bool, int, float64, time.Time, time.Duration:
		return 0
	case string:
		return len(v)
	case []any:
		return len(v) * sizeElement
	case map[string]any:
		return sizeObject + len(v)*sizeEntry
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return v.Len() * max(sizeElement, int(v.Type().Elem().Size()))
	case reflect.Map:
		total := sizeObject + v.Len()*sizeEntry
		// The groups of groupBy are lists that were made, too.
		if v.Type().Elem().Kind() == reflect.Slice {
			for entries := v.MapRange(); entries.Next(); {
				total += entries.Value().Len() * sizeElement
			}
		}
		return total
	default:
		return 0
	}
}

// length returns how many elements a list has.
func length(value any) int {
	if v := reflect.ValueOf(value); v.IsValid() && (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) {
		return v.Len()
	}
	return 0
}

// joined returns how long the joined texts of a list are, counted up to a limit.
func joined(args []any, separator string, limit int) int {
	list := reflect.ValueOf(args[0])
	if list.Kind() != reflect.Slice {
		return 0
	}
	total := 0
	for i := 0; i < list.Len() && total <= limit; i++ {
		if i > 0 {
			total += len(separator)
		}
		if element := list.Index(i); element.Kind() == reflect.String {
			total += element.Len()
		} else if text, ok := element.Interface().(string); ok {
			total += len(text)
		}
	}
	return total
}

// elements returns how many elements lists and those inside them have, counted up to a limit.
func elements(values []any, limit int) int {
	total := 0
	for _, value := range values {
		if total > limit {
			break
		}
		list, ok := value.([]any)
		if !ok {
			total += max(1, length(value))
			continue
		}
		total += elements(list, limit-total)
	}
	return total
}

// jsonSize returns how many bytes a value has as JSON, counted up to a limit. A value inside
// of which the same one is found twice counts it twice, as JSON does.
func jsonSize(value any, indented bool, limit int) int {
	size, _ := measured(value, indented, limit)
	return size
}

// measured is jsonSize. deep reports that the value is nested more than maxNesting levels: its size is above the limit
// then.
func measured(value any, indented bool, limit int) (size int, deep bool) {
	c := jsonCounter{limit: limit, indented: indented}
	c.count(reflect.ValueOf(value), 1)
	return c.size, c.deep
}

// checkWritten returns what is wrong with a value that is to be written as JSON, "" if nothing: it is nested too
// deeply, or takes more than maxWritten.
func checkWritten(value any) string {
	switch size, deep := measured(value, false, maxWritten); {
	case deep:
		return fmt.Sprintf("is nested more than %d levels", maxNesting)
	case size > maxWritten:
		return tooLarge
	default:
		return ""
	}
}

// tooLarge is what is wrong with a value of more bytes than a payload may have.
var tooLarge = fmt.Sprintf("has more than %d bytes as JSON", destinations.MaxPayload)

// jsonCounter counts the bytes of JSON.
type jsonCounter struct {
	size, limit int
	indented    bool
	// deep says that counting has ended at maxNesting.
	deep bool
}

// maxNesting is how deep values can be that are written as JSON.
const maxNesting = 1000

// line counts what stands around an element at a depth.
func (c *jsonCounter) line(depth int) {
	c.size += 2
	if c.indented {
		c.size += 1 + 2*depth
	}
}

func (c *jsonCounter) count(v reflect.Value, depth int) {
	for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) {
		v = v.Elem()
	}
	switch {
	case c.size > c.limit:
		return
	case depth > maxNesting:
		c.size, c.deep = c.limit+1, true
		return
	case !v.IsValid():
		c.size += len("null")
		return
	}
	switch v.Kind() {
	case reflect.String:
		c.size += textSize(v.String())
	case reflect.Slice, reflect.Array:
		c.line(depth)
		for i := 0; i < v.Len() && c.size <= c.limit; i++ {
			c.line(depth)
			c.count(v.Index(i), depth+1)
		}
	case reflect.Map:
		c.line(depth)
		for entries := v.MapRange(); entries.Next() && c.size <= c.limit; {
			c.line(depth)
			c.count(entries.Key(), depth+1)
			c.count(entries.Value(), depth+1)
		}
	case reflect.Struct:
		if _, is := v.Interface().(time.Time); is {
			c.size += sizeOther
			return
		}
		// The event as a whole, which is what there is else.
		for i := 0; i < v.NumField() && c.size <= c.limit; i++ {
			if v.Type().Field(i).IsExported() {
				c.line(depth)
				c.count(v.Field(i), depth+1)
			}
		}
	default:
		c.size += sizeOther / 2
	}
}

// textSize returns how many bytes a text has as JSON, which escapes some characters by six.
func textSize(text string) int {
	size := len(text) + len(`""`)
	for i := range len(text) {
		if b := text[i]; b < ' ' || b == '<' || b == '>' || b == '&' || b >= 0x80 {
			size += 5
		} else if b == '"' || b == '\\' {
			size++
		}
	}
	return size
}
