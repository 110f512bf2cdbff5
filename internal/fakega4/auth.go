package fakega4

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Scope is the permission that the fake's credentials give.
const Scope = "https://www.googleapis.com/auth/analytics.readonly"

// authority issues access tokens.
type authority struct {
	now func() time.Time
	ttl time.Duration

	mu sync.Mutex
	// issued are valid tokens and when they expire.
	issued  map[string]time.Time
	revoked bool
	key     *accountKey
}

func (a *authority) issue() string {
	token := "ya29.fake-" + rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.issued[token] = a.now().Add(a.ttl)
	return token
}

func (a *authority) valid(token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	expires, ok := a.issued[token]
	return ok && a.now().Before(expires)
}

// RevokeTokens makes all access tokens invalid before their time.
func (s *Server) RevokeTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.issued = map[string]time.Time{}
}

// RevokeConsent makes the token endpoint refuse refresh tokens and keys, as after a person
// has withdrawn the consent.
func (s *Server) RevokeConsent() {
	s.RevokeTokens()
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.revoked = true
}

// ServiceAccountKey returns the JSON file of a service account's key that the fake accepts.
// The token_uri in it leads nowhere: clients must not follow it blindly.
func (s *Server) ServiceAccountKey() ([]byte, error) {
	key, err := s.auth.accountKey()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(map[string]string{ //nolint:gosec // G101: a fake's
		"type": "service_account", "project_id": "fake-project", "private_key_id": key.id,
		"private_key":  string(pem.EncodeToMemory(key.block)),
		"client_email": key.email, "token_uri": "https://token.invalid/token",
	})
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return raw, nil
}

// token is the token endpoint. Its errors are those of RFC 6749, section 5.2.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code int, reason, description string) {
		writeJSON(w, code, map[string]string{"error": reason, "error_description": description})
	}
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "invalid_request", "Bad Request")
		return
	}
	s.auth.mu.Lock()
	revoked := s.auth.revoked
	s.auth.mu.Unlock()
	switch grant := r.PostForm.Get("grant_type"); grant {
	case "refresh_token":
		switch {
		case r.PostForm.Get("client_id") != ClientID:
			refuse(http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
			return
		case r.PostForm.Get("client_secret") != ClientSecret:
			refuse(http.StatusUnauthorized, "invalid_client", "Unauthorized")
			return
		case r.PostForm.Get("refresh_token") != RefreshToken:
			refuse(http.StatusBadRequest, "invalid_grant", "Bad Request")
			return
		case revoked:
			refuse(http.StatusBadRequest, "invalid_grant", "Token has been expired or revoked.")
			return
		}
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if fault := s.auth.checkAssertion(r.PostForm.Get("assertion"), revoked); fault != "" {
			refuse(http.StatusBadRequest, "invalid_grant", fault)
			return
		}
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+grant)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.auth.issue(), "expires_in": int(s.cfg.TokenTTL / time.Second),
		"scope": Scope, "token_type": "Bearer",
	})
}

// authorized lets calls through that have a valid access token.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !s.auth.valid(token) {
			writeError(w, fail(http.StatusUnauthorized, "Request had invalid authentication credentials. Expected OAuth 2 "+
				"access token, login cookie or other valid authentication credential. "+
				"See https://developers.google.com/identity/sign-in/web/devconsole-project."))
			return
		}
		next(w, r)
	}
}
