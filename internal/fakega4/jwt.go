package fakega4

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// accountKey is the key of the fake's service account.
type accountKey struct {
	id, email string
	public    *rsa.PublicKey
	block     *pem.Block
}

// accountKey makes the key at the first use: that takes a while.
func (a *authority) accountKey() (*accountKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.key != nil {
		return a.key, nil
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	a.key = &accountKey{
		id: "fake-key-1", email: "importer@fake-project.iam.gserviceaccount.com",
		public: &private.PublicKey, block: &pem.Block{Type: "PRIVATE KEY", Bytes: raw},
	}
	return a.key, nil
}

// maxAssertion is how long an assertion may be valid.
const maxAssertion = time.Hour

// checkAssertion returns what is wrong with a signed JWT, in Google's words, or "".
func (a *authority) checkAssertion(assertion string, revoked bool) string {
	key, err := a.accountKey()
	if err != nil {
		return err.Error()
	}
	pieces := strings.Split(assertion, ".")
	if len(pieces) != 3 {
		return "Invalid JWT: Token must have three parts."
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Issued   int64  `json:"iat"`
	}
	signature, err := base64.RawURLEncoding.DecodeString(pieces[2])
	if err != nil {
		return "Invalid JWT Signature."
	}
	sum := sha256.Sum256([]byte(pieces[0] + "." + pieces[1]))
	if err := rsa.VerifyPKCS1v15(key.public, crypto.SHA256, sum[:], signature); err != nil {
		return "Invalid JWT Signature."
	}
	raw, err := base64.RawURLEncoding.DecodeString(pieces[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	// The library signs by the machine's clock, not by the fake's.
	now := time.Now()
	switch {
	case err != nil:
		return "Invalid JWT: the claims cannot be read."
	case claims.Issuer != key.email || revoked:
		return "Invalid grant: account not found"
	case !strings.HasSuffix(claims.Audience, "/token"):
		return "Invalid JWT: Failed audience check."
	case claims.Scope != Scope:
		return "Invalid JWT: the scope is not one of the fake's."
	case claims.Expires < now.Unix() || claims.Expires > claims.Issued+int64(maxAssertion/time.Second):
		return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
	default:
		return ""
	}
}
