package outbound

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The names of a webhook's secrets.
const (
	// SecretSigning is the current signing key.
	SecretSigning = "signing_secret"
	// SecretPrevious is the previous signing key, for receivers that have not changed to the
	// current one.
	SecretPrevious = "previous_signing_secret"
)

// Sign adds ID, time and signatures to the headers, by the Standard Webhooks specification
// (https://www.standardwebhooks.com). There is one signature per secret, so that receivers can
// change keys without interruption.
func Sign(h http.Header, secrets map[string]string, id string, at time.Time, body []byte) error {
	var signatures []string
	for _, name := range []string{SecretSigning, SecretPrevious} {
		secret, given := secrets[name]
		if !given && name != SecretSigning {
			continue
		}
		if err := CheckSecret(secret); err != nil {
			return fmt.Errorf("the webhook's %s: %w", name, err)
		}
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return fmt.Errorf("the webhook's %s is invalid", name)
		}
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return fmt.Errorf("sign the event with the webhook's %s: %w", name, err)
		}
		signatures = append(signatures, signature)
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// Sizes of a key, by the specification.
const (
	minKey = 24
	maxKey = 64
)

// CheckSecret returns what would be right if a secret is not whsec_ and a key of 24 to 64 bytes in
// base64. It is stricter than the library, which accepts a password as a key if it is valid base64.
// The error does not quote the secret.
func CheckSecret(secret string) error {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return errors.New("want whsec_ and 24 to 64 bytes in base64")
	}
	return nil
}
