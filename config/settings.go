package config

import (
	"encoding"
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix begins the name of every environment variable: SLUICE_STORE_DSN is
// store.dsn in the file.
const EnvPrefix = "SLUICE_"

// setting is one field of a Config.
type setting struct {
	// section and key are its position in the file.
	section, key string
	value        reflect.Value
}

// name returns the name of the setting in errors and documents.
func (s setting) name() string { return s.section + "." + s.key }

// variable returns its environment variable.
func (s setting) variable() string {
	return EnvPrefix + strings.ToUpper(s.section) + "_" + strings.ToUpper(s.key)
}

// settings iterates over all settings in the order of the struct. Files, environment and
// documents all use it, so that none can omit one. Fields with the tag yaml:"-" are the
// program's and no settings.
func (c *Config) settings() iter.Seq[setting] {
	return func(yield func(setting) bool) {
		sections := reflect.ValueOf(c).Elem()
		for i := range sections.NumField() {
			section := sections.Field(i)
			name := sections.Type().Field(i).Tag.Get("yaml")
			for j := range section.NumField() {
				key := section.Type().Field(j).Tag.Get("yaml")
				if key == "-" {
					continue
				}
				if !yield(setting{section: name, key: key, value: section.Field(j)}) {
					return
				}
			}
		}
	}
}

var durationType = reflect.TypeFor[time.Duration]()

// set parses the setting from text. The error describes valid values and never quotes the
// text.
func (s setting) set(text string) error {
	if u, ok := s.value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if u.UnmarshalText([]byte(text)) != nil {
			return fmt.Errorf("want %s", s.want())
		}
		return nil
	}
	var err error
	switch kind := s.value.Kind(); {
	case s.value.Type() == durationType:
		var d time.Duration
		d, err = time.ParseDuration(text)
		s.value.SetInt(int64(d))
	case kind == reflect.String:
		s.value.SetString(text)
	case kind == reflect.Bool:
		var yes bool
		yes, err = strconv.ParseBool(text)
		s.value.SetBool(yes)
	case kind == reflect.Float64:
		var f float64
		f, err = strconv.ParseFloat(text, 64)
		s.value.SetFloat(f)
	default:
		var n int64
		n, err = strconv.ParseInt(text, 10, s.value.Type().Bits())
		s.value.SetInt(n)
	}
	if err != nil {
		return fmt.Errorf("want %s", s.want())
	}
	return nil
}

// want describes the valid values of the setting.
func (s setting) want() string {
	switch kind := s.value.Kind(); {
	case s.value.Type() == durationType:
		return "a duration, such as 90s or 2m"
	case kind == reflect.String:
		return "text"
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Float64:
		return "a number"
	case s.key == "level":
		return "a level: debug, info, warn or error"
	default:
		return "a whole number"
	}
}
