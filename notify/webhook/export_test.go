package webhook

import "time"

// SetTimeout makes a sender impatient.
func SetTimeout(s *Sender, timeout time.Duration) { s.client.timeout = timeout }
