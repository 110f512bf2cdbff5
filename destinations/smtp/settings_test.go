package smtp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/internal/outbound"
)

// What is wrong with the settings of a mail server is named when it is used, also where the settings were
// stored by another release.
func TestSettingsFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large, noPEM := filepath.Join(dir, "large.pem"), filepath.Join(dir, "text.pem")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("x", 1<<20+1)), 0o600))
	require.NoError(t, os.WriteFile(noPEM, []byte("text"), 0o600))
	withCA := func(path string) string {
		return fmt.Sprintf(`{"host": "h", "port": 25, "tls": "starttls", "from": "a@example.com", "ca_file": %q}`, path)
	}
	kind := smtp.Kind{Guard: outbound.Loopback()}
	require.Equal(t, []string{
		"smtp: Mail server", "host: string, required", "port: integer, 587 by default", "tls: string, starttls by default",
		"ca_file: string", "from: string, required", "username: string", "password: secret",
	}, destinationtest.Described(kind))
	for want, c := range map[string]connections.Connection{
		"the connection mail is of kind webhook: want smtp": {Name: "mail", Kind: "webhook"},
		"settings of the connection mail: ":                 {Name: "mail", Kind: "smtp", Settings: json.RawMessage(`{"hots": "h"}`)},
		`setting "ca_file": want a regular file`:            {Name: "mail", Kind: "smtp", Settings: json.RawMessage(withCA(dir))},
		`setting "ca_file": open `:                          {Name: "mail", Kind: "smtp", Settings: json.RawMessage(withCA(dir + "/none"))},
		`setting "ca_file": want at most 1048576 bytes`:     {Name: "mail", Kind: "smtp", Settings: json.RawMessage(withCA(large))},
		`setting "ca_file": the file holds no certificate`:  {Name: "mail", Kind: "smtp", Settings: json.RawMessage(withCA(noPEM))},
	} {
		_, err := kind.Test(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
}
