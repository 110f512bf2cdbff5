package column

import (
	"fmt"
	"strconv"
	"strings"
)

// precisions are those of the types that are named after their bits.
var precisions = map[string]int{"Decimal32": 9, "Decimal64": 18, "Decimal128": 38, "Decimal256": 76}

// maxExponent bounds the exponent of a decimal number.
const maxExponent = 200

// checkDecimal wants a number whose digits all have a place.
func (t Type) checkDecimal(value []byte) error {
	var precision, scale int
	switch bits := precisions[t.name]; {
	case bits != 0 && len(t.numbers) == 1:
		precision, scale = bits, t.numbers[0]
	case len(t.numbers) == 2:
		precision, scale = t.numbers[0], t.numbers[1]
	default:
		return nil
	}
	wrong := fmt.Errorf("want a number of at most %d digits before the point and %d behind it (Decimal(%d, %d))",
		max(0, precision-scale), scale, precision, scale)
	literal, _ := unquoted(value)
	if len(literal) > maxDigits || !floatNumber.MatchString(literal) {
		return wrong
	}
	whole, fraction, ok := digits(literal)
	if !ok || len(whole) > precision-scale || len(fraction) > scale {
		return wrong
	}
	return nil
}

// digits returns the digits before and behind the point, without zeros that say nothing.
func digits(literal string) (whole, fraction string, ok bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimLeft(literal, "+-")), "e")
	whole, fraction, _ = strings.Cut(mantissa, ".")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift > maxExponent || shift < -maxExponent {
			return "", "", strings.Trim(whole+fraction, "0") == ""
		}
	}
	for ; shift > 0; shift-- {
		next := "0"
		if fraction != "" {
			next, fraction = fraction[:1], fraction[1:]
		}
		whole += next
	}
	for ; shift < 0; shift++ {
		last := "0"
		if whole != "" {
			last, whole = whole[len(whole)-1:], whole[:len(whole)-1]
		}
		fraction = last + fraction
	}
	return strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0"), true
}
