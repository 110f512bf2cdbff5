// Package planted breaks the rule testify-in-tests of .golangci.yml.
package planted

import _ "github.com/stretchr/testify/require"
