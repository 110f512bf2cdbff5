package warehouse_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// file holds its certificate.
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	pair := a.issue(t, "authority", true)
	a.file = pair.certFile
	return a
}

// pair is a certificate and its key, in memory and in files.
type pair struct {
	tls.Certificate
	certFile, keyFile string
}

// issue makes a certificate for 127.0.0.1: the authority's own if it has none yet.
func (a *authority) issue(t *testing.T, name string, isAuthority bool) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"ch.example"},
		IsCA: isAuthority, BasicConstraintsValid: isAuthority, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.certificate == nil {
		a.certificate, a.key = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	if isAuthority {
		a.certificate, err = x509.ParseCertificate(der)
		require.NoError(t, err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	p := pair{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	require.NoError(t, os.WriteFile(p.certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(p.keyFile, keyPEM, 0o600))
	p.Certificate, err = tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	return p
}

// secured puts TLS in front of the engine and returns the DSN of a new database
// behind it. With clients, it asks for certificates that these have signed.
func secured(t *testing.T, server tls.Certificate, clients *authority) string {
	t.Helper()
	dsn, err := url.Parse(enginetest.WarehouseDSN(t))
	require.NoError(t, err)
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: dsn.Host}))
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}
	if clients != nil {
		front.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		front.TLS.ClientCAs = x509.NewCertPool()
		front.TLS.ClientCAs.AddCert(clients.certificate)
	}
	front.StartTLS()
	t.Cleanup(front.Close)
	address, err := url.Parse(front.URL)
	require.NoError(t, err)
	dsn.Scheme, dsn.Host = "https", address.Host
	return dsn.String()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	server, client, stranger := ours.issue(t, "server", false), ours.issue(t, "client", false), theirs.issue(t, "client", false)
	front, closed := secured(t, server.Certificate, nil), secured(t, server.Certificate, ours)
	withClient := func(p pair) warehouse.TLSConfig {
		return warehouse.TLSConfig{CAFile: ours.file, CertFile: p.certFile, KeyFile: p.keyFile}
	}
	for name, tc := range map[string]struct {
		dsn string
		tls warehouse.TLSConfig
		err string
	}{
		"CA file":                    {front, warehouse.TLSConfig{CAFile: ours.file}, ""},
		"another CA":                 {front, warehouse.TLSConfig{CAFile: theirs.file}, "certificate signed by unknown authority"},
		"the system's CAs":           {front, warehouse.TLSConfig{}, "certificate signed by unknown authority"},
		"unverified":                 {front + "?skip_verify=true", warehouse.TLSConfig{}, ""},
		"server name":                {front, warehouse.TLSConfig{CAFile: ours.file, ServerName: "ch.example"}, ""},
		"another server name":        {front, warehouse.TLSConfig{CAFile: ours.file, ServerName: "pg.example"}, "not pg.example"},
		"server name in the DSN":     {front + "?secure=true&tls_server_name=pg.example", warehouse.TLSConfig{CAFile: ours.file}, "not pg.example"},
		"client certificate":         {closed, withClient(client), ""},
		"no client certificate":      {closed, warehouse.TLSConfig{CAFile: ours.file}, "certificate required"},
		"another client certificate": {closed, withClient(stranger), "tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := enginetest.Context(t)
			w := open(t, warehouse.Config{DSN: tc.dsn, TLS: tc.tls})
			err := w.Ping(ctx)
			if tc.err != "" {
				require.ErrorContains(t, err, "reach the warehouse: ")
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
		})
	}
}

// Everything works over TLS that works without.
func TestImportOverTLS(t *testing.T) {
	t.Parallel()
	ctx, ca := enginetest.Context(t), newAuthority(t)
	w := open(t, warehouse.Config{
		DSN: secured(t, ca.issue(t, "server", false).Certificate, nil), TLS: warehouse.TLSConfig{CAFile: ca.file},
	})
	require.NoError(t, w.Migrate(ctx))
	for range 2 {
		require.NoError(t, w.InsertRows(ctx, key(0), visitors(0, 50_000)))
		require.NoError(t, w.InsertRejects(ctx, key(0), make([]schema.Reject, 7)))
	}
	counts, err := w.ChunkCounts(ctx, schema.Visitors, key(0).PartKey, 0)
	require.NoError(t, err)
	require.Equal(t, map[uint32]warehouse.ChunkCount{0: {Rows: 50_000, Rejects: 7}}, counts)
}

func TestBadTLSFiles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	p := ca.issue(t, "client", false)
	for name, tc := range map[string]struct {
		dsn string
		tls warehouse.TLSConfig
		err string
	}{
		"no CA file":        {"https", warehouse.TLSConfig{CAFile: "missing.pem"}, "read the warehouse's CA file: open missing.pem"},
		"CA file of a key":  {"https", warehouse.TLSConfig{CAFile: p.keyFile}, "has no certificate in PEM form"},
		"certificate alone": {"https", warehouse.TLSConfig{CertFile: p.certFile}, "needs both a certificate file and a key file"},
		"key alone":         {"https", warehouse.TLSConfig{KeyFile: p.keyFile}, "needs both a certificate file and a key file"},
		"mixed up":          {"https", warehouse.TLSConfig{CertFile: p.keyFile, KeyFile: p.certFile}, "load the warehouse's client certificate: "},
		"not encrypted":     {"http", warehouse.TLSConfig{CAFile: ca.file}, "its DSN says http://: want https://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := warehouse.Open(warehouse.Config{DSN: tc.dsn + "://ch.example:8443/db", TLS: tc.tls})
			require.ErrorContains(t, err, tc.err)
		})
	}
}
