// Package useragent reads browser, operating system and kind of device from a user agent,
// with the names that Plausible's data have.
//
// The parser is a trie without expressions: an unknown user agent costs
// as much as any other, so that random ones are no denial of service.
package useragent

import (
	"strings"
	"sync"

	medama "github.com/medama-io/go-useragent"
	"github.com/medama-io/go-useragent/agents"
)

// maxAgent is the number of bytes of a user agent that are read.
const maxAgent = 512

// Kinds of devices.
const (
	Desktop = "Desktop"
	Mobile  = "Mobile"
	Tablet  = "Tablet"
)

// MobileApp is the browser of all web views in apps.
const MobileApp = "Mobile App"

// Agent is what a user agent says. Fields that are not known are empty.
type Agent struct {
	// Browser is "Chrome", "Safari", "Mobile App" and the like.
	Browser string
	// BrowserVersion is major.minor, "120.0".
	BrowserVersion string
	// OS is "Windows", "Mac", "GNU/Linux", "iOS", "Android" and the like.
	OS string
	// OSVersion is major.minor, "10.15".
	OSVersion string
	// ScreenSize is Desktop, Mobile or Tablet.
	ScreenSize string
}

var parser = sync.OnceValue(medama.NewParser)

// Parse reads a user agent.
func Parse(userAgent string) Agent {
	if userAgent == "" {
		return Agent{}
	}
	userAgent = userAgent[:min(len(userAgent), maxAgent)]
	parsed := parser().Parse(userAgent)
	var a Agent
	a.system(userAgent, parsed.OS())
	a.browser(userAgent, parsed)
	a.device(userAgent, parsed.Device())
	return a
}

// browserNames are Plausible's names where they differ.
var browserNames = map[agents.Browser]string{
	agents.BrowserEdge: "Microsoft Edge", agents.BrowserIE: "Internet Explorer", agents.BrowserOperaMini: "Opera",
	agents.BrowserSilk: "Mobile Silk", agents.BrowserAndroid: "Android Browser",
}

// special are browsers that the library takes for another. The version follows the text.
var special = []struct{ text, name string }{
	{"Brave/", "Brave"},
	{"DuckDuckGo/", "DuckDuckGo Privacy Browser"},
	{"Ddg/", "DuckDuckGo Privacy Browser"},
	{"OPT/", "Opera"},
	{"OPX/", "Opera GX"},
	{"UCBrowser/", "UC Browser"},
	{"YaBrowser/", "Yandex Browser"},
	{"Whale/", "Whale Browser"},
	{"MiuiBrowser/", "MIUI Browser"},
	{"QQBrowser/", "QQ Browser"},
	{"EcosiaCL", "Ecosia"},
}

// apps are texts of web views in apps.
var apps = []string{
	"; wv)", "FBAN/", "FBAV/", "FB_IAB/", "Instagram ", "LinkedInApp", "Pinterest/", "TikTok",
	"musical_ly", "BytedanceWebview", "Snapchat/", "Line/", "MicroMessenger/", "GSA/", "Twitter for ", "WhatsApp/",
}

func (a *Agent) browser(userAgent string, parsed medama.UserAgent) {
	name, version := browserNames[parsed.Browser()], parsed.BrowserVersion()
	if name == "" {
		name = parsed.Browser().String()
	}
	for _, s := range special {
		if _, after, ok := strings.Cut(userAgent, s.text); ok {
			a.Browser, a.BrowserVersion = s.name, leading(after, '.')
			return
		}
	}
	if inApp(userAgent, a.OS) {
		name = MobileApp
	}
	if name == "" {
		return
	}
	// Internet Explorer 11 has the version of its engine where others have theirs.
	if rv, ok := after(userAgent, "Trident/7.0; rv:"); ok && parsed.Browser() == agents.BrowserIE {
		version = rv
	}
	a.Browser, a.BrowserVersion = name, leading(version, '.')
}

func inApp(userAgent, system string) bool {
	for _, text := range apps {
		if strings.Contains(userAgent, text) {
			return true
		}
	}
	// A web view of iOS does not claim to be Safari.
	return (system == "iOS" || system == "iPadOS") && strings.Contains(userAgent, "AppleWebKit/") &&
		!strings.Contains(userAgent, "Safari/")
}

// system finds the operating system and its version.
func (a *Agent) system(userAgent string, found agents.OS) {
	switch found {
	case agents.OSWindows:
		a.OS = "Windows"
		if version, ok := after(userAgent, "Windows NT "); ok {
			a.OSVersion = windows(leading(version, '.'))
		}
	case agents.OSMacOS:
		a.OS = "Mac"
		if version, ok := after(userAgent, "Mac OS X "); ok {
			a.OSVersion = leading(version, '_')
		}
	case agents.OSIOS:
		a.OS = "iOS"
		version, ok := after(userAgent, " OS ")
		if !ok {
			return
		}
		a.OSVersion = leading(version, '_')
		// Since version 13 the system of iPads has a name of its own.
		major, _, _ := strings.Cut(a.OSVersion, ".")
		if strings.Contains(userAgent, "iPad") && (len(major) > 2 || len(major) == 2 && major >= "13") {
			a.OS = "iPadOS"
		}
	case agents.OSAndroid:
		a.OS = "Android"
		if version, ok := after(userAgent, "Android "); ok {
			a.OSVersion = leading(version, '.')
		}
	case agents.OSLinux:
		a.OS = "GNU/Linux"
		if strings.Contains(userAgent, "Ubuntu") {
			a.OS = "Ubuntu"
		}
	case agents.OSChromeOS:
		a.OS = "Chrome OS"
	default:
		a.OS = found.String()
	}
}

// windows returns the name of a version of Windows NT.
func windows(nt string) string {
	switch nt {
	case "10.0":
		return "10"
	case "6.3":
		return "8.1"
	case "6.2":
		return "8"
	case "6.1":
		return "7"
	case "6.0":
		return "Vista"
	case "5.1", "5.2":
		return "XP"
	default:
		return nt
	}
}

func (a *Agent) device(userAgent string, found agents.Device) {
	switch found {
	case agents.DeviceDesktop, agents.DeviceTV:
		a.ScreenSize = Desktop
	case agents.DeviceTablet:
		a.ScreenSize = Tablet
	case agents.DeviceMobile:
		a.ScreenSize = Mobile
	}
	switch {
	case found == agents.DeviceTV:
	case strings.Contains(userAgent, "iPad"), strings.Contains(userAgent, "Tablet"),
		strings.Contains(userAgent, "Kindle"):
		a.ScreenSize = Tablet
	// Android's tablets do not say that they are mobile.
	case a.OS == "Android" && strings.Contains(userAgent, "Mozilla/5.0 (Linux") &&
		!strings.Contains(userAgent, "Mobile") && !strings.Contains(userAgent, "TV"):
		a.ScreenSize = Tablet
		if strings.Contains(userAgent, "; wv)") {
			a.ScreenSize = Mobile
		}
	}
}

func after(text, mark string) (string, bool) {
	_, rest, ok := strings.Cut(text, mark)
	return rest, ok
}

// leading returns the first two numbers at the start of a text, "120.0.6099.1" as "120.0".
func leading(text string, separator byte) string {
	end, dots := 0, 0
	for ; end < len(text); end++ {
		c := text[end]
		if c == separator && dots == 0 && end > 0 {
			dots++
			continue
		}
		if c < '0' || c > '9' {
			break
		}
	}
	version := text[:end]
	if end > 0 && version[end-1] == separator {
		version = version[:end-1]
	}
	if separator != '.' {
		version = strings.ReplaceAll(version, string(separator), ".")
	}
	return version
}
