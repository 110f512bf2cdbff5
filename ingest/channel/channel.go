// Package channel derives the acquisition channel of a visit from its source and its tags,
// in the order of Plausible's data, which follows Google Analytics 4:
// https://support.google.com/analytics/answer/9756891.
package channel

import (
	"regexp"
	"strings"

	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

// The channels.
const (
	CrossNetwork     = "Cross-network"
	Display          = "Display"
	PaidShopping     = "Paid Shopping"
	PaidSearch       = "Paid Search"
	PaidSocial       = "Paid Social"
	PaidVideo        = "Paid Video"
	PaidOther        = "Paid Other"
	OrganicShopping  = "Organic Shopping"
	OrganicSocial    = "Organic Social"
	OrganicVideo     = "Organic Video"
	AIAssistants     = "AI Assistants"
	OrganicSearch    = "Organic Search"
	Email            = "Email"
	Affiliates       = "Affiliates"
	Audio            = "Audio"
	SMS              = "SMS"
	PushNotification = "Mobile Push Notifications"
	Referral         = "Referral"
	Direct           = "Direct"
)

// Visit is what the channel depends on.
type Visit struct {
	// Source is the name of the source, UTMSource the tag as sent.
	Source, UTMSource string
	// Medium and Campaign are tags as sent.
	Medium, Campaign string
	// ClickID is the name of the parameter of a click on an ad, "gclid".
	ClickID string
}

var (
	paidMedium       = regexp.MustCompile(`^(.*cp.*|ppc|retargeting|paid.*)$`)
	shoppingCampaign = regexp.MustCompile(`(?:\A|[^a-df-z])shop|shopping`)
	email            = regexp.MustCompile(`e[-_ ]?mail|newsletter`)
)

// isPaid reports whether a medium is that of paid visits. Most have none of the letters that a match has, which costs
// less to find than the expression.
func isPaid(medium string) bool {
	return (strings.Contains(medium, "p") || medium == "retargeting") && paidMedium.MatchString(medium)
}

// isEmail reports whether a name or a tag is that of an e-mail, in the same way.
func isEmail(text string) bool {
	return (strings.Contains(text, "mail") || strings.Contains(text, "newsletter")) && email.MatchString(text)
}

var (
	displayMediums = map[string]bool{
		"display": true, "banner": true, "expandable": true, "interstitial": true, "cpm": true,
	}
	socialMediums = map[string]bool{
		"social": true, "social-network": true, "social-media": true, "sm": true,
		"social network": true, "social media": true,
	}
	referralMediums = map[string]bool{"referral": true, "app": true, "link": true}
)

// Of returns the channel of a visit.
func Of(v Visit, resolver *sources.Resolver) string {
	medium, campaign := strings.ToLower(v.Medium), strings.ToLower(v.Campaign)
	name, tag := strings.ToLower(v.Source), strings.ToLower(v.UTMSource)
	known, ok := resolver.Lookup(v.Source)
	if !ok && tag != "" {
		known, _ = resolver.Lookup(v.UTMSource)
	}
	category := known.Category
	paid := isPaid(medium) || tag != "" && resolver.Paid(tag)
	clicked := v.ClickID == "gclid" && known.Name == "Google" || v.ClickID == "msclkid" && known.Name == "Bing"
	shopping := category == sources.CategoryShopping || campaign != "" && shoppingCampaign.MatchString(campaign)
	switch {
	case strings.Contains(campaign, "cross-network"):
		return CrossNetwork
	case displayMediums[medium]:
		return Display
	case paid && shopping:
		return PaidShopping
	case paid && category == sources.CategorySearch, clicked:
		return PaidSearch
	case paid && category == sources.CategorySocial:
		return PaidSocial
	case paid && category == sources.CategoryVideo:
		return PaidVideo
	case paid:
		return PaidOther
	case shopping:
		return OrganicShopping
	case category == sources.CategorySocial, socialMediums[medium]:
		return OrganicSocial
	case category == sources.CategoryVideo, strings.Contains(medium, "video"):
		return OrganicVideo
	case category == sources.CategoryAI:
		return AIAssistants
	case category == sources.CategorySearch, medium == "organic":
		return OrganicSearch
	case category == sources.CategoryEmail, isEmail(name), isEmail(tag), isEmail(medium):
		return Email
	case medium == "affiliate":
		return Affiliates
	case medium == "audio":
		return Audio
	case name == "sms", tag == "sms", medium == "sms":
		return SMS
	case strings.HasSuffix(medium, "push"), strings.Contains(medium, "mobile"),
		strings.Contains(medium, "notification"), name == "firebase", tag == "firebase":
		return PushNotification
	case referralMediums[medium], name != "":
		return Referral
	default:
		return Direct
	}
}
