package ingest

import (
	"context"
	"strings"

	"github.com/sluicehq/sluice/ingest/useragent"
)

// putUserAgent drops or tags bots, and sets browser, operating system and screen size.
func (r run) putUserAgent(_ context.Context, e *Event) error {
	mode, userAgent := r.pipeline.config.Bots, e.Request.UserAgent
	matcher := r.data.Bots
	if mode == ModeOff {
		matcher = nil
	}
	known := r.pipeline.agents.of(userAgent, matcher)
	agent := known.Agent
	if known.bot {
		if !r.allowed(e) && !r.allowedAgent(userAgent) {
			e.tagOrDrop(mode, DropBot)
		}
		if e.Dropped {
			return nil
		}
		agent = useragent.Parse(userAgent)
	}
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
