package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// KindName is the name of the kind of connections that webhooks are.
const KindName = "webhook"

// settings are those of a connection of this kind.
type settings struct {
	// URL is where events are posted to.
	URL string `json:"url" arg:"required" usage:"https address that events are posted to"`
	// Events are those of imports that the endpoint is notified of; all if empty.
	Events []string `json:"events,omitempty" usage:"events of imports that it is notified of; all if empty"`
}

// Kind is the kind of connections that webhooks are.
type Kind struct{ client *client }

var _ connections.Kind = (*Kind)(nil)

// NewKind returns the kind. The guard decides where Test may post to.
func NewKind(guard outbound.Guard) *Kind { return &Kind{client: newClient(guard)} }

// Name returns "webhook".
func (*Kind) Name() string { return KindName }

// Label returns what people call it.
func (*Kind) Label() string { return "Webhook" }

// Settings describes the settings.
func (*Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets are the key that events are signed with, and the one before while receivers
// are moved over.
func (*Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{
		{
			Name: outbound.SecretSigning, Required: true,
			Description: "whsec_ and 24 to 64 random bytes in base64; the receiver checks signatures with it",
			Check:       outbound.CheckSecret,
		},
		{
			Name:        outbound.SecretPrevious,
			Description: "the key before, while there are receivers that do not know the new one",
			Check:       outbound.CheckSecret,
		},
	}
}

// ParseSettings checks {"url": "https://...", "events": ["completed", ...]}. Whether
// the address is allowed is a matter of configuration, and seen when something is sent.
func (*Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

// events returns the names of the events of imports that an endpoint can be notified of. Package notify
// has a test that they are all that there are.
func events() []string {
	return []string{
		"completed", "unchanged", "failed", "cancelled", "declined", "parked", "review_wanted", "review_reminder",
	}
}

func parseSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	faults := []error{checkURL(s.URL)}
	for i, event := range s.Events {
		// "import.completed" is the type of what is sent.
		s.Events[i] = strings.TrimPrefix(event, "import.")
		if !slices.Contains(events(), s.Events[i]) {
			faults = append(faults, fmt.Errorf("setting \"events\": number %d is not an event: the events are %s",
				i+1, strings.Join(events(), ", ")))
		}
	}
	slices.Sort(s.Events)
	s.Events = slices.Compact(s.Events)
	return s, errors.Join(faults...)
}

// checkURL does not quote the URL: its path may be a secret.
func checkURL(text string) error {
	const want = `setting "url": want an address such as https://example.com/hooks/sluice`
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New(want)
	case u.User != nil:
		return errors.New(want + ", without user and password: events are signed instead")
	case u.Fragment != "":
		return errors.New(want + ", without a part behind #")
	default:
		return nil
	}
}

// endpointOf returns where a connection of this kind leads to.
func endpointOf(c connections.Connection) (address string, err error) {
	if c.Kind != KindName {
		return "", fmt.Errorf("the connection %s is of kind %s: want %s", c.Name, c.Kind, KindName)
	}
	s, err := parseSettings(c.Settings)
	if err != nil {
		return "", fmt.Errorf("settings of the webhook %s: %w", c.Name, err)
	}
	return s.URL, nil
}

// Wants says whether a connection of this kind, by its settings, is notified of an event of an
// import: of all events unless the settings name some.
func Wants(raw json.RawMessage, event string) (bool, error) {
	s, err := parseSettings(raw)
	return err == nil && (len(s.Events) == 0 || slices.Contains(s.Events, event)), err
}

// Test posts a signed event of type "test", which receivers acknowledge and ignore.
func (k *Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	s, err := parseSettings(c.Settings)
	if err != nil {
		return connections.Report{}, err
	}
	body, err := json.Marshal(envelope{
		Type: "test", Timestamp: time.Now().UTC(), Data: map[string]string{"connection": c.Name},
	})
	if err != nil {
		return connections.Report{}, fmt.Errorf("encode the test event: %w", err)
	}
	answered, err := k.client.post(ctx, s.URL, c.Secrets, "test_"+uuid.NewString(), body)
	if err == nil {
		err = report(answered).Error
	}
	if err != nil {
		return connections.Report{}, err
	}
	return connections.Report{Lines: []string{
		"a signed test event was sent", "the endpoint answered " + outbound.Describe(answered.status),
	}}, nil
}
