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
	// SecretSigning is the key that is signed with.
	SecretSigning = "signing_secret"
	// SecretPrevious is the one before it, while there are receivers that know no other.
	SecretPrevious = "previous_signing_secret"
)

// Sign puts ID, time and signatures into the headers, as the Standard Webhooks
// specification says (https://www.standardwebhooks.com). There is a signature for each
// secret, so that receivers can change over from one to the next in peace.
func Sign(h http.Header, secrets map[string]string, id string, at time.Time, body []byte) error {
	var signatures []string
	for _, name := range []string{SecretSigning, SecretPrevious} {
		secret, given := secrets[name]
		if !given && name != SecretSigning {
			continue
		}
		if err := checkSecret(secret); err != nil {
			return fmt.Errorf("the webhook's %s: %w", name, err)
		}
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return fmt.Errorf("the webhook's %s cannot be used", name)
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

// Sizes of a key, from the specification.
const (
	minKey = 24
	maxKey = 64
)

// checkSecret is stricter than the library, which takes a password for a key if it
// happens to be base64.
func checkSecret(secret string) error {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return errors.New("want whsec_ and 24 to 64 bytes in base64")
	}
	return nil
}
