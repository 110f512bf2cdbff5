package googleanalytics4

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// sourceName names a well-known source as native data do, whether it is told by its host
// (l.facebook.com), by what people tag links with (fb, google_ads), or by an app
// (com.google.android.gm). Others stay as they are but for "www.".
func sourceName(v string) string {
	trimmed := strings.TrimPrefix(strings.TrimSuffix(v, "/"), "www.")
	key := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(v)), "www."), "/")
	if name, ok := tagNames[strings.NewReplacer("-", "", "_", "", " ", "").Replace(key)]; ok {
		return name
	}
	// The longest known end of the host, so that mail.google.com is not google.com.
	for host := key; strings.Contains(host, "."); _, host, _ = strings.Cut(host, ".") {
		if name, ok := hostNames[host]; ok {
			return name
		}
	}
	// Below a country's suffix, not below that of a provider such as github.io.
	if suffix, official := publicsuffix.PublicSuffix(key); official && suffix != key {
		labels := strings.Split(strings.TrimSuffix(key, "."+suffix), ".")
		if name, ok := brandNames[labels[len(labels)-1]]; ok {
			return name
		}
	}
	return trimmed
}

// tagNames are words that people and Google tag links with, without blanks, hyphens and
// underscores.
var tagNames = map[string]string{
	"google": "Google", "googleads": "Google", "googleadwords": "Google", "adwords": "Google", "gads": "Google",
	"googlesearch": "Google", "googleorganic": "Google", "googlenews": "Google News", "discover": "Google",
	"googlebusinessprofile": "Google", "googlemybusiness": "Google", "gmb": "Google", "gbp": "Google",
	"bing": "Bing", "bingads": "Bing", "microsoftads": "Bing", "msn": "Bing",
	"duckduckgo": "DuckDuckGo", "ddg": "DuckDuckGo", "yahoo": "Yahoo!", "yandex": "Yandex", "baidu": "Baidu",
	"ecosia": "Ecosia", "qwant": "Qwant", "kagi": "Kagi", "brave": "Brave", "startpage": "Startpage", "naver": "Naver",
	"fb": "Facebook", "facebook": "Facebook", "fbads": "Facebook", "fbad": "Facebook", "facebookads": "Facebook",
	"facebookad": "Facebook", "meta": "Facebook", "metaads": "Facebook", "messenger": "Facebook",
	"ig": "Instagram", "insta": "Instagram", "instagram": "Instagram", "igads": "Instagram", "instagramads": "Instagram",
	"igshopping": "Instagram", "twitter": twitter, "twitterads": twitter, "tw": twitter, "x": twitter,
	"linkedin": "LinkedIn", "li": "LinkedIn", "linkedinads": "LinkedIn", "reddit": "Reddit", "redditads": "Reddit",
	"youtube": "Youtube", "yt": "Youtube", "youtubeads": "Youtube", "ytads": "Youtube",
	"tiktok": "TikTok", "tiktokads": "TikTok", "tt": "TikTok", "snapchat": "Snapchat", "snapchatads": "Snapchat",
	"pinterest": "Pinterest", "pinterestads": "Pinterest", "whatsapp": "WhatsApp", "wa": "WhatsApp",
	"telegram": "Telegram", "tg": "Telegram", "threads": "Threads", "mastodon": "Mastodon", "bluesky": "Bluesky",
	"bsky": "Bluesky", "discord": "Discord", "slack": "Slack", "quora": "Quora", "github": "GitHub", "vk": "Vkontakte",
	"wikipedia": "Wikipedia", "hackernews": "Hacker News", "hn": "Hacker News", "producthunt": "Product Hunt",
	"chatgpt": "ChatGPT", "openai": "ChatGPT", "perplexity": "Perplexity", "claude": "Claude", "gemini": "Google Gemini",
	"copilot": "Microsoft Copilot", "deepseek": "DeepSeek", "grok": "Grok",
}

// twitter is the name since 2026, when Plausible renamed the source:
// https://github.com/plausible/analytics/pull/6430.
const twitter = "X (Twitter)"

// hostNames are hosts, and with them all hosts below.
var hostNames = map[string]string{
	"mail.google.com": "Gmail", "gmail.com": "Gmail", "com.google.android.gm": "Gmail", "news.google.com": "Google News",
	"gemini.google.com": "Google Gemini", "com.google.android.googlequicksearchbox": "Google",
	"googleadservices.com": "Google", "doubleclick.net": "Google", "googlesyndication.com": "Google",
	"ntp.msn.com": "Bing", "msn.com": "Bing", "copilot.microsoft.com": "Microsoft Copilot",
	"statics.teams.cdn.office.net": "Microsoft Teams", "teams.microsoft.com": "Microsoft Teams",
	"mail.yahoo.com": "Yahoo! Mail", "outlook.live.com": "Outlook.com", "search.brave.com": "Brave", "kagi.com": "Kagi",
	"ecosia.org": "Ecosia", "qwant.com": "Qwant", "startpage.com": "Startpage", "duckduckgo.com": "DuckDuckGo",
	"ya.ru": "Yandex", "baidu.com": "Baidu", "naver.com": "Naver",
	"fb.me": "Facebook", "fb.com": "Facebook", "messenger.com": "Facebook", "com.facebook.katana": "Facebook",
	"com.instagram.android": "Instagram", "t.co": twitter, "x.com": twitter, "com.twitter.android": twitter,
	"lnkd.in": "LinkedIn", "com.linkedin.android": "LinkedIn", "redd.it": "Reddit", "com.reddit.frontpage": "Reddit",
	"youtu.be": "Youtube", "com.google.android.youtube": "Youtube", "pin.it": "Pinterest",
	"wa.me": "WhatsApp", "com.whatsapp": "WhatsApp", "t.me": "Telegram", "telegram.org": "Telegram",
	"telegram.me": "Telegram", "org.telegram.messenger": "Telegram", "threads.net": "Threads", "threads.com": "Threads",
	"bsky.app": "Bluesky", "mastodon.social": "Mastodon", "discord.com": "Discord", "discord.gg": "Discord",
	"discordapp.com": "Discord", "com.slack": "Slack", "vk.com": "Vkontakte", "vk.ru": "Vkontakte",
	"github.com": "GitHub", "news.ycombinator.com": "Hacker News", "producthunt.com": "Product Hunt",
	"wikipedia.org": "Wikipedia", "officeapps.live.com": "Microsoft Office",
	"chatgpt.com": "ChatGPT", "chat.openai.com": "ChatGPT", "perplexity.ai": "Perplexity", "claude.ai": "Claude",
	"deepseek.com": "DeepSeek", "grok.com": "Grok",
}

// brandNames are names of sites that have a domain in many countries.
var brandNames = map[string]string{
	"google": "Google", "bing": "Bing", "yahoo": "Yahoo!", "yandex": "Yandex", "pinterest": "Pinterest",
	"facebook": "Facebook", "instagram": "Instagram", "twitter": twitter, "linkedin": "LinkedIn", "reddit": "Reddit",
	"youtube": "Youtube", "tiktok": "TikTok", "snapchat": "Snapchat", "whatsapp": "WhatsApp", "telegram": "Telegram",
	"slack": "Slack", "quora": "Quora",
}
