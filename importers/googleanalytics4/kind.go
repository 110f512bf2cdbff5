package googleanalytics4

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	analyticsadmin "google.golang.org/api/analyticsadmin/v1beta"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// kind is the kind of this importer's connections.
type kind struct{ importer *Importer }

var _ connections.Kind = (*kind)(nil)

// ConnectionKind returns the importer's kind of connections. The guard restricts the
// addresses that its test may dial in addition to Google's.
func ConnectionKind(guard outbound.Guard) connections.Kind {
	return &kind{importer: New(Config{Guard: guard})}
}

// Name returns "google_analytics_4".
func (*kind) Name() string { return Name }

// Label returns the name for users.
func (*kind) Label() string { return "Google Analytics 4" }

// Settings describes the settings.
func (*kind) Settings() []connections.SettingSpec { return connections.SettingsOf(Settings{}) }

// ParseSettings validates settings of type Settings and fills in the defaults.
func (*kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

// Secrets returns the secrets of both ways to authenticate. The setting "auth" determines the
// required ones; Test reports missing ones.
func (*kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{
		{Name: SecretClientSecret, Description: "secret of the OAuth client, for a refresh token"},
		{Name: SecretRefreshToken, Description: "refresh token issued with a person's consent"},
		{Name: SecretServiceAccountKey, Description: "complete JSON file of a service account's key"},
	}
}

// Test lists the properties that the credentials can read. It requires the Analytics Admin
// API; imports do not.
func (k *kind) Test(ctx context.Context, conn connections.Connection) (connections.Report, error) {
	c, err := k.importer.connect(conn)
	if err != nil {
		return connections.Report{}, err
	}
	list, err := c.properties(ctx)
	if err != nil {
		return connections.Report{}, err
	}
	if len(list) == 0 {
		return connections.Report{}, errors.New("the credentials are accepted, but no property is shared with their " +
			"account: add it as a viewer under Admin, Property access management in Google Analytics")
	}
	report := connections.Report{Lines: []string{"access granted", fmt.Sprintf("%d properties visible", len(list))}}
	for _, p := range list {
		report.Lines = append(report.Lines, c.redact(fmt.Sprintf("%s %s (%s)", p.Name, p.DisplayName, p.Account), ""))
	}
	return report, nil
}

// Property is a property that a connection can read.
type Property struct {
	// Name is its resource name, "properties/123".
	Name string
	// DisplayName and Account are the names of the property and of its account.
	DisplayName, Account string
}

// Properties lists the properties that the connection can read. Its errors are those of an
// import.
func (g *Importer) Properties(ctx context.Context, conn connections.Connection) ([]Property, error) {
	c, err := g.connect(conn)
	if err != nil {
		return nil, err
	}
	return c.properties(ctx)
}

// Limits of a listing: the API's page size, and a number of pages that ends the loop.
const (
	summariesPage = 200
	maxPages      = 1000
)

func (c *client) properties(ctx context.Context) ([]Property, error) {
	var list []Property
	token := ""
	for range maxPages {
		query := url.Values{"pageSize": {fmt.Sprint(summariesPage)}, "alt": {"json"}}
		if token != "" {
			query.Set("pageToken", token)
		}
		var answer analyticsadmin.GoogleAnalyticsAdminV1betaListAccountSummariesResponse
		address := c.settings.endpoints().admin + "/v1beta/accountSummaries?" + query.Encode()
		if err := c.call(ctx, http.MethodGet, address, nil, &answer); err != nil {
			return nil, fmt.Errorf("list properties: %w", err)
		}
		for _, account := range answer.AccountSummaries {
			for _, p := range account.PropertySummaries {
				list = append(list, Property{Name: p.Property, DisplayName: p.DisplayName, Account: account.DisplayName})
			}
		}
		if token = answer.NextPageToken; token == "" {
			return list, nil
		}
	}
	return nil, fmt.Errorf("list properties: more than %d pages", maxPages)
}
