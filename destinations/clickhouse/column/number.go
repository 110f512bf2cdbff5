package column

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// maxDigits bounds the digits of a number: those of UInt256 and of Decimal256 are fewer.
const maxDigits = 400

// wholeNumber is a number without a fraction and an exponent.
var wholeNumber = regexp.MustCompile(`^[+-]?\d+$`)

func (t Type) checkNumber(value []byte) error {
	switch bits, signed, isInt := t.integer(); {
	case isInt:
		return checkInteger(t.name, value, bits, signed)
	case t.name == "BFloat16":
		return checkFloat(value, 16)
	case t.name == "Float32":
		return checkFloat(value, 32)
	case t.name == "Float64":
		return checkFloat(value, 64)
	case strings.HasPrefix(t.name, "Decimal"):
		return t.checkDecimal(value)
	default:
		// A String takes any value as its text; other types are the engine's to judge.
		return nil
	}
}

// integer returns how many bits a type of whole numbers has.
func (t Type) integer() (bits uint, signed, ok bool) {
	if strings.HasPrefix(t.name, "Interval") {
		return 64, true, true
	}
	digits, isInt := strings.CutPrefix(strings.TrimPrefix(t.name, "U"), "Int")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !isInt || err != nil {
		return 0, false, false
	}
	return uint(n), !strings.HasPrefix(t.name, "U"), true
}

func checkInteger(name string, value []byte, bits uint, signed bool) error {
	if name == "UInt8" && (string(value) == "true" || string(value) == "false") {
		return nil
	}
	low, high := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), bits)
	if signed {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	high.Sub(high, big.NewInt(1))
	wrong := fmt.Errorf("want a whole number from %s to %s (%s)", low, high, name)
	literal, _ := unquoted(value)
	if len(literal) > maxDigits || !wholeNumber.MatchString(literal) {
		return wrong
	}
	n, ok := new(big.Int).SetString(literal, 10)
	if !ok || n.Cmp(low) < 0 || n.Cmp(high) > 0 {
		return wrong
	}
	return nil
}

var floatNumber = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`)

// checkFloat wants a number that is not out of range. A fraction is rounded, as floating-point
// numbers are (the engine's parser may be off by one in the last place); a whole number is
// stored exactly, or refused.
func checkFloat(value []byte, bits int) error {
	literal, bare := unquoted(value)
	if !bare && (strings.EqualFold(literal, "nan") || strings.EqualFold(strings.TrimLeft(literal, "+-"), "inf")) {
		return nil
	}
	if len(literal) > maxDigits || !floatNumber.MatchString(literal) {
		return errors.New("want a number")
	}
	f, err := strconv.ParseFloat(literal, max(32, bits))
	mantissa, _, _ := strings.Cut(strings.ToLower(literal), "e")
	switch {
	case err != nil || math.IsInf(f, 0):
		return fmt.Errorf("want a number that %d bits of floating point can hold", bits)
	case f == 0 && strings.ContainsAny(mantissa, "123456789"):
		return fmt.Errorf("want a number that %d bits of floating point can tell from 0", bits)
	case wholeNumber.MatchString(literal) && !exact(literal, f, bits):
		return fmt.Errorf("want a whole number that %d bits of floating point can hold exactly", bits)
	default:
		return nil
	}
}

// exact says whether a whole number is the shortest text of its floating-point value, or that
// value itself.
func exact(literal string, f float64, bits int) bool {
	given, ok := new(big.Int).SetString(literal, 10)
	if !ok {
		return false
	}
	if bits == 16 {
		// A BFloat16 is the first half of a Float32.
		return math.Float32bits(float32(f))&0xffff == 0 && new(big.Float).SetInt(given).Cmp(big.NewFloat(f)) == 0
	}
	shortest, ok := new(big.Int).SetString(strconv.FormatFloat(f, 'f', -1, bits), 10)
	stored, _ := new(big.Float).SetFloat64(f).Int(nil)
	return ok && given.Cmp(shortest) == 0 || given.Cmp(stored) == 0
}
