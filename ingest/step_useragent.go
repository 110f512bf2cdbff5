package ingest

import (
	"context"
	"strings"

	"github.com/sluicehq/sluice/ingest/useragent"
)

// putUserAgent drops or tags bots, and sets browser, operating system and screen size.
func (r run) putUserAgent(_ context.Context, e *Event) error {
	mode := r.pipeline.config.Bots
	if mode != ModeOff && r.data.Bots.Match(e.Request.UserAgent) && !r.allowed(e) && !r.allowedAgent(e.Request.UserAgent) {
		if e.tagOrDrop(mode, DropBot); e.Dropped {
			return nil
		}
	}
	agent := useragent.Parse(e.Request.UserAgent)
	s := &e.SessionAttributes
	s.Browser, s.BrowserVersion = agent.Browser, agent.BrowserVersion
	s.OperatingSystem, s.OperatingSystemVersion = agent.OS, agent.OSVersion
	s.ScreenSize = agent.ScreenSize
	return nil
}

func (r run) allowedAgent(userAgent string) bool {
	for _, text := range r.pipeline.config.AllowUserAgents {
		if strings.Contains(userAgent, text) {
			return true
		}
	}
	return false
}
