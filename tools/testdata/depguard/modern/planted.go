// Package planted breaks the rule modern of .golangci.yml.
package planted

import _ "io/ioutil"
