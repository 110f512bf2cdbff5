package calendar

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Value stores the day as SQL date.
func (d Day) Value() (driver.Value, error) { return d.Time(), nil }

// Scan reads the day from an SQL date.
func (d *Day) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d = DayOf(v)
		return nil
	case string:
		parsed, err := ParseDay(v)
		if err != nil {
			return err
		}
		*d = parsed
		return nil
	default:
		return fmt.Errorf("scan day: a %T is not a date", src)
	}
}
