package warehouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSConfig configures TLS for connections to ClickHouse. With the zero value the DSN decides:
// off for clickhouse:// and http://, on for https:// and ?secure=true.
type TLSConfig struct {
	// CAFile holds the CA certificates for the server, in PEM. Defaults to the system's.
	CAFile string
	// CertFile and KeyFile hold a client certificate and its key, in PEM.
	CertFile, KeyFile string
	// ServerName is the required name of the server's certificate. Defaults to the host in
	// the DSN.
	ServerName string
}

// clientConfig adds the settings to the DSN's TLS configuration, which is nil without TLS.
func (c TLSConfig) clientConfig(dsn *tls.Config) (*tls.Config, error) {
	if c == (TLSConfig{}) {
		return dsn, nil
	}
	config := dsn.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.MinVersion = tls.VersionTLS12
	if c.ServerName != "" {
		config.ServerName = c.ServerName
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the warehouse's CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the warehouse's CA file %s has no certificate in PEM form", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("a client certificate for the warehouse needs both a certificate file and a key file")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load the warehouse's client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
