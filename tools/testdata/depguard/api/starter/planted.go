// Package planted breaks the rule api of .golangci.yml.
package planted

import _ "github.com/danielgtaylor/huma/v2"
