package smtp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// KindName is the name of the kind of connections that lead to mail servers.
const KindName = "smtp"

const secretPassword = "password"

// settings are those of a connection of this kind.
type settings struct {
	// Host is the mail server.
	Host string `json:"host" arg:"required" usage:"name or address of the mail server"`
	// Port defaults to 587.
	Port int `json:"port" default:"587" usage:"port of the mail server"`
	// TLS is StartTLS, ImplicitTLS or Cleartext. Defaults to StartTLS.
	TLS string `json:"tls" default:"starttls" usage:"starttls, tls or none"`
	// CAFile is a PEM file on the worker's machine. Defaults to the system's certificates.
	CAFile string `json:"ca_file,omitempty" usage:"PEM file on the workers' machines; the certificates of the system by default"`
	// From is the sender: an address, or a name with an address in angle brackets.
	From string `json:"from" arg:"required" usage:"sender: an address, or a name with an address in angle brackets"`
	// Username logs in. Defaults to none.
	Username string `json:"username,omitempty" usage:"user name of the login; none by default"`
}

// Kind is the kind of connections that lead to mail servers. It is ready for use.
type Kind struct {
	// Guard decides which addresses Test may dial. Defaults to none.
	Guard outbound.Guard
}

var _ connections.Kind = Kind{}

// Name returns "smtp".
func (Kind) Name() string { return KindName }

// Label returns what people call it.
func (Kind) Label() string { return "Mail server" }

// Settings describes the settings.
func (Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets returns the password.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{{Name: secretPassword, Description: "the password of the username, if there is one"}}
}

// ParseSettings checks {"host": "...", "port": 587, "tls": "starttls", "from": "..."}.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

func parseSettings(raw json.RawMessage) (settings, error) {
	s := settings{Port: 587, TLS: StartTLS}
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	var faults []error
	if s.Host == "" {
		faults = append(faults, errors.New(`setting "host": want the name of a mail server`))
	}
	if s.Port < 1 || s.Port > 65535 {
		faults = append(faults, errors.New(`setting "port": want 1 to 65535`))
	}
	if s.TLS != StartTLS && s.TLS != ImplicitTLS && s.TLS != Cleartext {
		faults = append(faults, fmt.Errorf(`setting "tls": want %s, %s or %s`, StartTLS, ImplicitTLS, Cleartext))
	}
	if _, err := Address(s.From); err != nil {
		faults = append(faults,
			fmt.Errorf(`setting "from": want an address, or a name with an address in angle brackets: %w`, err))
	}
	return s, errors.Join(faults...)
}

// Check reports what is wrong with a connection of this kind on this machine, such as a file
// with certificates that cannot be read. It does not connect.
func Check(c connections.Connection) error {
	_, err := newClient(outbound.Guard{}, c)
	return err
}

// Test logs in and sends nothing.
func (k Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	s, err := newClient(k.Guard, c)
	if err != nil {
		return connections.Report{}, err
	}
	if err := s.check(ctx); err != nil {
		return connections.Report{}, err
	}
	return connections.Report{Lines: []string{"the mail server takes mails from us"}}, nil
}
