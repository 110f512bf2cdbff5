package flow

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
)

// Limits of one evaluation of an expression. The library's own limit counts the elements of
// lists, not bytes.
const (
	// MaxMemory is how many bytes the texts, lists and objects may have that it makes,
	// intermediate ones included.
	MaxMemory = 32 << 20
	// maxSteps is how many elements of lists it may go through.
	maxSteps = 5_000_000
	// maxPattern is how many bytes a regular expression may have that is not a constant.
	maxPattern = 1000
)

// ErrMemory means that an expression makes more than MaxMemory bytes of an event.
var ErrMemory = fmt.Errorf("the expression takes more than %d MiB of memory", MaxMemory>>20)

var (
	errSteps    = fmt.Errorf("the expression goes through more than %d elements", maxSteps)
	errElements = errors.New("the expression makes lists of more than 1000000 elements")
	errPattern  = fmt.Errorf("the regular expression has more than %d bytes", maxPattern)
)

// Names of the functions that metering calls. No expression can name them: they are no
// identifiers.
const (
	nameCharge  = "charge!"
	nameStep    = "step!"
	nameCall    = "call!"
	namePattern = "pattern!"
)

// metered is what expressions are evaluated with: an event, and the meter of one evaluation.
type metered struct {
	Env
	Charge  func(...any) any `expr:"charge!" json:"-"`
	Step    func(...any) any `expr:"step!" json:"-"`
	Call    func(...any) any `expr:"call!" json:"-"`
	Pattern func(...any) any `expr:"pattern!" json:"-"`
}

// String is the text of the event as a whole, which string($env) gives: the functions have none.
func (m metered) String() string { return fmt.Sprint(m.Env) }

// meter counts what one evaluation takes. Its functions panic with the error that ends the
// evaluation: the machine returns it.
type meter struct {
	bytes, steps int
}

// use counts bytes.
func (m *meter) use(bytes int) {
	m.fits(bytes)
	m.bytes += bytes
}

// fits ends the evaluation if so many bytes more are too many.
func (m *meter) fits(bytes int) {
	if bytes < 0 || bytes > MaxMemory-m.bytes {
		panic(ErrMemory)
	}
}

// charge counts a value that was made.
func (m *meter) charge(args ...any) any {
	m.use(shallow(args[0]))
	return args[0]
}

// step counts one element of a list.
func (m *meter) step(args ...any) any {
	m.walk(1)
	return args[0]
}

func (m *meter) walk(steps int) {
	if m.steps += steps; m.steps > maxSteps {
		panic(errSteps)
	}
}

// pattern checks a regular expression before it is compiled.
func (m *meter) pattern(args ...any) any {
	if text, ok := args[0].(string); ok && len(text) > maxPattern {
		panic(errPattern)
	}
	return args[0]
}

// references are the functions whose result is a part of an argument: nothing is made.
var references = []string{
	"first", "last", "get", "take", "max", "min", "len", "type", "trim", "trimPrefix", "trimSuffix",
}

// call calls a function of the language, the name of which is the first argument. What its
// result takes is estimated before it is made.
func (m *meter) call(args ...any) any {
	name, ok := args[0].(string)
	if !ok {
		panic(errors.New("no function is named"))
	}
	args = args[1:]
	m.foresee(name, args)
	f := builtin.Builtins[builtin.Index[name]]
	var result any
	var err error
	switch {
	case slices.Contains(entries, name) && reflect.ValueOf(args[0]).Kind() == reflect.Map:
		result = ordered(name, reflect.ValueOf(args[0]))
	case f.Fast != nil:
		result = f.Fast(args[0])
	case f.Safe != nil:
		result, _, err = f.Safe(args...)
	default:
		result, err = f.Func(args...)
	}
	if err != nil {
		panic(err)
	}
	if !slices.Contains(references, name) {
		m.use(shallow(result))
	}
	return result
}

// entries are the functions that list what is in an object, which has no order of its own. They list it in the order
// of the keys, so that a flow decides the same for the same event.
var entries = []string{"keys", "values", "toPairs"}

// ordered is a function of entries, in the form of the library.
func ordered(name string, object reflect.Value) any {
	keys := object.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return compareKeys(a.Interface(), b.Interface()) })
	list, pairs := make([]any, len(keys)), make([][2]any, len(keys))
	for i, key := range keys {
		pairs[i] = [2]any{key.Interface(), object.MapIndex(key).Interface()}
		if list[i] = pairs[i][0]; name == "values" {
			list[i] = pairs[i][1]
		}
	}
	if name == "toPairs" {
		return pairs
	}
	return list
}

// compareKeys puts whole numbers in their order, before all others, which are in the order of their texts.
func compareKeys(a, b any) int {
	m, mIs := a.(int)
	n, nIs := b.(int)
	switch {
	case mIs && nIs:
		return cmp.Compare(m, n)
	case mIs != nIs:
		return map[bool]int{true: -1, false: 1}[mIs]
	default:
		return cmp.Compare(keyText(a), keyText(b))
	}
}

func keyText(key any) string {
	if text, ok := key.(string); ok {
		return text
	}
	return fmt.Sprint(key)
}

// foresee ends the evaluation before a function makes too much.
func (m *meter) foresee(name string, args []any) {
	room := MaxMemory - m.bytes
	text := func(i int) string {
		if i < len(args) {
			if s, ok := args[i].(string); ok {
				return s
			}
		}
		return ""
	}
	switch name {
	case "repeat":
		m.fits(times(len(text(0)), intOf(args, 1)))
	case "replace":
		found := strings.Count(text(0), text(1))
		m.fits(len(text(0)) + times(found, len(text(2))))
	case "split", "splitAfter":
		found := strings.Count(text(0), text(1)) + 1
		if text(1) == "" {
			found = utf8.RuneCountInString(text(0))
		}
		m.fits(times(found, sizeText))
	case "join":
		m.fits(joined(args, text(1), room))
	case "toJSON":
		m.fits(jsonSize(args[0], true, room))
	case "string":
		if _, is := args[0].(string); !is {
			m.fits(times(jsonSize(args[0], false, room), 2))
		}
	case "fromJSON":
		m.fits(times(len(text(0)), sizeText))
	case "concat", "flatten":
		m.fits(times(elements(args, room), sizeElement))
	case "uniq":
		// Each element is compared with all others.
		n := length(args[0])
		m.walk(min(n*n, maxSteps+1))
	}
}

// times multiplies, up to a product beyond all limits.
func times(a, b int) int {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a > MaxMemory/b {
		return MaxMemory + 1
	}
	return a * b
}

func intOf(args []any, i int) int {
	if i >= len(args) {
		return 0
	}
	v := reflect.ValueOf(args[i])
	switch {
	case v.CanInt():
		return int(v.Int())
	case v.CanUint():
		return int(min(v.Uint(), MaxMemory+1))
	case v.CanFloat():
		return int(min(v.Float(), MaxMemory+1))
	default:
		return 0
	}
}
