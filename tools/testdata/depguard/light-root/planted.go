// Package planted breaks the rule light-root of .golangci.yml.
package planted

import _ "go.temporal.io/server/temporal"
