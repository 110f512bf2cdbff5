package ingest

// DropReason says why an event was not buffered.
type DropReason string

// The drop reasons. Their names are Plausible's.
const (
	// DropBot: the user agent is a bot's.
	DropBot DropReason = "bot"
	// DropSpamReferrer: the referrer's host is a spammer's.
	DropSpamReferrer DropReason = "spam_referrer"
	// DropNotFound: there is no site with the domain, or the sender's key is that of another site.
	DropNotFound DropReason = "not_found"
	// DropBlock: the site takes no events.
	DropBlock DropReason = "block"
	// DropThrottle: the site exceeds its rate limit.
	DropThrottle DropReason = "throttle"
	// DropPaymentRequired: the site's owner has not paid.
	DropPaymentRequired DropReason = "payment_required"
	// DropInvalid: a required column has no value.
	DropInvalid DropReason = "invalid"
	// DropDataCentreIP: the address is a data centre's.
	DropDataCentreIP DropReason = "dc_ip"
	// DropThreatIP: a trusted proxy calls the address a threat.
	DropThreatIP DropReason = "threat_ip"
	// DropSiteIPBlocklist: the site blocks the address.
	DropSiteIPBlocklist DropReason = "site_ip_blocklist"
	// DropSiteCountryBlocklist: the site blocks the country.
	DropSiteCountryBlocklist DropReason = "site_country_blocklist"
	// DropSitePageBlocklist: the site blocks the page.
	DropSitePageBlocklist DropReason = "site_page_blocklist"
	// DropSiteHostnameAllowlist: the site does not allow the hostname.
	DropSiteHostnameAllowlist DropReason = "site_hostname_allowlist"
	// DropVerificationAgent: the event is that of Config.VerificationAgent.
	DropVerificationAgent DropReason = "verification_agent"
	// DropNoSessionForEngagement: an engagement event without a session. The writer finds
	// it after the acknowledgement, so that the sender is not told; it is only counted.
	DropNoSessionForEngagement DropReason = "no_session_for_engagement"
)

// DropReasons returns all drop reasons.
func DropReasons() []DropReason {
	return []DropReason{
		DropBot, DropSpamReferrer, DropNotFound, DropBlock, DropThrottle, DropPaymentRequired, DropInvalid,
		DropDataCentreIP, DropThreatIP, DropSiteIPBlocklist, DropSiteCountryBlocklist, DropSitePageBlocklist,
		DropSiteHostnameAllowlist,
		DropVerificationAgent, DropNoSessionForEngagement,
	}
}
