package request

import (
	"encoding/json"
	"strings"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
)

// Revenue is an amount in a currency.
type Revenue struct {
	// Amount has at most MaxAmountDigits before the decimal point.
	Amount decimal.Decimal
	// Currency is an ISO 4217 code in upper case.
	Currency string
}

// Amounts are stored as Decimal(18, 3).
const (
	// AmountScale is the number of decimals of a stored amount.
	AmountScale = 3
	// MaxAmountDigits is the number of digits before the decimal point.
	MaxAmountDigits = 15
)

// maxAmountText bounds the text of an amount: 15 digits, 3 decimals, a sign, and zeros.
const maxAmountText = 40

var maxAmount = decimal.New(1, MaxAmountDigits)

// Storable returns an amount rounded to AmountScale decimals. It is false for one that the
// column cannot hold.
func Storable(amount decimal.Decimal) (decimal.Decimal, bool) {
	amount = amount.Round(AmountScale)
	return amount, amount.Abs().LessThan(maxAmount)
}

// parseRevenue returns the revenue of an object, or of a string that holds one. Like
// upstream, it ignores one that is invalid: the event counts without it.
func parseRevenue(raw json.RawMessage) *Revenue {
	var amount, unit string
	for _, m := range members(raw) {
		switch value, ok := scalar(m.value); {
		case !ok:
		case m.key == "amount":
			amount = value
		case m.key == "currency":
			unit = strings.ToUpper(value)
		}
	}
	if amount == "" || len(amount) > maxAmountText || len(unit) != 3 {
		return nil
	}
	if _, err := currency.ParseISO(unit); err != nil {
		return nil
	}
	value, err := decimal.NewFromString(amount)
	// An exponent makes a short text a number of gigabytes.
	if err != nil || value.Exponent() > MaxAmountDigits || value.Exponent() < -maxAmountText {
		return nil
	}
	value, ok := Storable(value)
	if !ok {
		return nil
	}
	return &Revenue{Amount: value, Currency: unit}
}
