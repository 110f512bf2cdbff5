package warehouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSConfig is TLS for connections to ClickHouse. The zero value leaves it to the
// DSN: off for clickhouse:// and http://, on for https:// and ?secure=true.
type TLSConfig struct {
	// CAFile holds the certificates, in PEM, that the server's may be signed by.
	// Defaults to the system's.
	CAFile string
	// CertFile and KeyFile hold a client certificate and its key, in PEM.
	CertFile, KeyFile string
	// ServerName is the name that the server's certificate must carry. Defaults to
	// the host in the DSN.
	ServerName string
}

// clientConfig adds to what the DSN asks for, which is nil where it asks for no TLS.
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
