package sampledata

import "strconv"

// Values of text columns, the most frequent first.
var (
	sections  = []string{"blog", "docs", "pricing", "guides", "changelog", "product", "customers", "about"}
	sources   = []string{"Google", "", "Hacker News", "Bing", "DuckDuckGo", "Reddit", "GitHub", "LinkedIn", "Newsletter"}
	media     = []string{"", "organic", "referral", "email", "cpc", "social"}
	countries = []string{"DE", "US", "GB", "FR", "IN", "NL", "BR", "CA", "PL", "ES", "IT", "JP", "AT", "CH", "SE"}
	browsers  = []string{
		"Chrome", "Safari", "Firefox", "Mobile App", "Microsoft Edge", "Samsung Browser", "Opera", "Brave",
	}
	systems = []string{"Windows", "iOS", "Mac", "Android", "GNU/Linux", "Chrome OS"}
	devices = []string{"Desktop", "Mobile", "Tablet"}
	goals   = []string{"Outbound Link: Click", "Signup", "File Download", "404", "Newsletter", "Checkout"}
)

// text returns the value of a text column for the rank-th row of a day. Each rank has another
// value, so that all rows of a file are different.
func text(column string, rank int) string {
	switch column {
	case "hostname":
		return "example.com"
	case "page", "entry_page", "exit_page":
		return "/" + sections[rank%len(sections)] + "/article-" + strconv.Itoa(rank)
	case "path":
		return "/" + sections[rank%len(sections)]
	case "source":
		return nth(sources, rank)
	case "utm_medium":
		return media[rank%len(media)]
	case "utm_campaign":
		return "campaign-" + strconv.Itoa(rank%12)
	case "country":
		return countries[rank%len(countries)]
	case "region":
		return countries[rank%len(countries)] + "-" + strconv.Itoa(rank/len(countries))
	case "browser":
		return nth(browsers, rank)
	case "browser_version", "operating_system_version":
		return strconv.Itoa(100+rank%30) + ".0"
	case "operating_system":
		return nth(systems, rank)
	case "device":
		return nth(devices, rank)
	case "name":
		return nth(goals, rank)
	case "link_url":
		return "https://partner.example/" + strconv.Itoa(rank)
	default:
		return ""
	}
}

// nth returns the rank-th value, with a number if the list is shorter.
func nth(values []string, rank int) string {
	value := values[rank%len(values)]
	if round := rank / len(values); round > 0 {
		return value + " " + strconv.Itoa(round)
	}
	return value
}
