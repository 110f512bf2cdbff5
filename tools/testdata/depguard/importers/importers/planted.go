// Package planted breaks the rule importers of .golangci.yml.
package planted

import _ "github.com/jackc/pgx/v5"
