package components

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/sluicehq/sluice/notify"
)

// isNil reports whether a component is a nil interface or contains a nil pointer.
func isNil(c any) bool {
	if c == nil {
		return true
	}
	v := reflect.ValueOf(c)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// validateTemplates parses and renders all templates, so that a program with an invalid one does
// not start.
func (l List) validateTemplates() error {
	var faults []error
	for _, fsys := range l.Templates {
		if isNil(fsys) {
			faults = append(faults, errors.New("register mail templates: nil fs.FS"))
			continue
		}
		files, err := fs.Glob(fsys, "*/*.tmpl")
		if err == nil && len(files) == 0 {
			err = errors.New("no file matches */*.tmpl: want a folder for each set of templates " +
				"(fs.Sub opens a folder of an embed.FS)")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("register mail templates: %w", err))
		}
	}
	if len(l.Templates) == 0 || len(faults) > 0 {
		return errors.Join(faults...)
	}
	set := func(string) string { return notify.DefaultSet }
	if _, err := notify.LoadTemplates(set, l.Templates...); err != nil {
		return fmt.Errorf("register mail templates: %w", err)
	}
	return nil
}
