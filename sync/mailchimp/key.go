package mailchimp

import (
	"errors"
	"regexp"
)

// keyForm is the form of API keys. The data centre becomes part of a host name.
var keyForm = regexp.MustCompile(`^[0-9A-Za-z]{16,128}-([a-z]{2,4}\d{1,4})$`)

// errKey never quotes the key.
var errKey = errors.New(
	"the API key is not valid: want letters and digits and, at the end, the data centre, such as -us21")

// DataCentre returns the data centre that an API key names, such as us21.
func DataCentre(key string) (string, error) {
	m := keyForm.FindStringSubmatch(key)
	if m == nil {
		return "", errKey
	}
	return m[1], nil
}
