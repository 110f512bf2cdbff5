package ingest

import "context"

// dropShieldHostname drops events of hosts that the site does not allow.
func (run) dropShieldHostname(_ context.Context, e *Event) error {
	if !e.Site.Shields.allowsHostname(e.Request.Hostname) {
		e.drop(DropSiteHostnameAllowlist)
	}
	return nil
}

// dropShieldPage drops events of pages that the site blocks.
func (run) dropShieldPage(_ context.Context, e *Event) error {
	if e.Site.Shields.blocksPage(e.Request.Pathname) {
		e.drop(DropSitePageBlocklist)
	}
	return nil
}

// dropShieldIP drops events of addresses that the site blocks.
func (run) dropShieldIP(_ context.Context, e *Event) error {
	if e.Site.Shields.blocksIP(e.Request.RemoteIP) {
		e.drop(DropSiteIPBlocklist)
	}
	return nil
}

// dropShieldCountry drops events of countries that the site blocks. It follows the
// geolocation.
func (run) dropShieldCountry(_ context.Context, e *Event) error {
	if e.Site.Shields.blocksCountry(e.SessionAttributes.CountryCode) {
		e.drop(DropSiteCountryBlocklist)
	}
	return nil
}
