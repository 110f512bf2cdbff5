package api

import (
	"context"
	"encoding/json"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/redact"
)

// aboutPayloads is a part of the descriptions of operations that return payloads.
const aboutPayloads = "A principal without the permission `operate`, which includes to edit a job, gets payloads in " +
	"which the values of fields with the name of a secret are `[redacted]`."

// redactFor redacts secrets in payloads, in place, unless the caller may change payloads: an edit needs all of one.
func redactFor(ctx context.Context, payloads ...*json.RawMessage) error {
	principal, _ := access.From(ctx)
	if principal.Role.Allows(access.PermissionOperate) {
		return nil
	}
	for _, payload := range payloads {
		clean, err := redact.JSON(*payload)
		if err != nil {
			return err
		}
		*payload = clean
	}
	return nil
}
