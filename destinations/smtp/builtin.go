package smtp

import (
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/connections"
)

// Config is the configuration of the mail server of the built-in connection.
type Config struct {
	// Host is the mail server. Defaults to none: then there is no built-in connection.
	Host string
	// Port is its port. Required with Host.
	Port int
	// TLS is StartTLS, ImplicitTLS or Cleartext. Required with Host.
	TLS string
	// CAFile is a PEM file with the CA certificates for the server. Defaults to the system's.
	CAFile string
	// Username and Password are the credentials. Default to none.
	Username string
	Password string
	// From is the sender: an address, or a name with an address in angle brackets. Required with
	// Host.
	From string
}

// The values of Config.TLS and of the setting "tls" of a connection.
const (
	// StartTLS upgrades the connection by the command STARTTLS.
	StartTLS = "starttls"
	// ImplicitTLS has TLS from the first byte.
	ImplicitTLS = "tls"
	// Cleartext has no TLS.
	Cleartext = "none"
)

// BuiltIn returns the built-in connection connections.Notify; none without a mail server.
func BuiltIn(cfg Config) ([]connections.Connection, error) {
	if cfg.Host == "" {
		return nil, nil
	}
	s, err := json.Marshal(settings{
		Host: cfg.Host, Port: cfg.Port, TLS: cfg.TLS, CAFile: cfg.CAFile, From: cfg.From, Username: cfg.Username,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the settings of the mail server: %w", err)
	}
	c := connections.Connection{Name: connections.Notify, Kind: KindName, Settings: s}
	if cfg.Password != "" {
		c.Secrets = map[string]string{secretPassword: cfg.Password}
	}
	return []connections.Connection{c}, nil
}
