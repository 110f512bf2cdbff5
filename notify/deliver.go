package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/notify/channel"
	"github.com/sluicehq/sluice/store"
)

// noteTimeout bounds how long it may take to note how a delivery went.
const noteTimeout = 10 * time.Second

// deliver makes one attempt at a delivery and notes how it went. Should noting fail, the
// delivery is made again when its lease is over.
func (d *Dispatcher) deliver(ctx context.Context, c store.ClaimedDelivery) {
	err := d.attempt(ctx, c)
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	status, noteErr := d.note(noting, c, err, ctx.Err() != nil)
	if noteErr == nil && channel.IsGone(err) {
		d.disable(noting, c.Delivery.Target, err)
	}
	log := d.cfg.Logger.With("notification_id", c.Delivery.NotificationID, "delivery_id", c.Delivery.ID,
		"channel", c.Delivery.Channel, "attempt", c.Delivery.Attempts)
	switch {
	case errors.Is(noteErr, store.ErrFenced):
		log.Info("another attempt at the delivery has begun meanwhile")
		return
	case noteErr != nil:
		log.Warn("how the delivery went could not be noted", "error", noteErr)
		return
	case errors.Is(err, channel.ErrDisabled):
		// That was logged when it was disabled.
		log.Debug("delivery given up", "error", err)
	case status == store.DeliveryGivenUp:
		log.Warn("delivery given up", "error", err)
	case status == store.DeliveryPending:
		log.Info("delivery will be tried again", "error", err)
	default:
		log.Debug("delivery made", "status", status)
	}
	if d.cfg.Observe != nil {
		d.cfg.Observe(c.Delivery.Channel, status)
	}
}

// disable keeps further notifications from a webhook that says that it is gone. Should that
// fail, the next one that it refuses does it.
func (d *Dispatcher) disable(ctx context.Context, connection string, reason error) {
	switch first, err := d.cfg.Store.Disable(ctx, connection, reason.Error()); {
	case err != nil:
		d.cfg.Logger.Warn("a webhook that is gone could not be disabled", "connection", connection, "error", err)
	case first:
		d.cfg.Logger.Warn("webhook disabled: it gets no more notifications until somebody enables it",
			"connection", connection, "error", reason)
	}
}

// checkEnabled returns an error with ErrDisabled if the target wants nothing any more.
func (d *Dispatcher) checkEnabled(ctx context.Context, c store.ClaimedDelivery) error {
	if c.Delivery.Channel != store.ChannelWebhook {
		return nil
	}
	disabled, err := d.cfg.Store.Disabled(ctx, c.Delivery.Target)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look whether the webhook is disabled: %w", err)
	}
	return fmt.Errorf("%w since %s: %s: `sluice notification enable %s` enables it", channel.ErrDisabled,
		disabled.DisabledAt.UTC().Format(time.RFC3339), disabled.Reason, c.Delivery.Target)
}

// attempt sends the delivery once. A panic counts as an error: it must not take the
// worker, and the imports that it runs, with it.
func (d *Dispatcher) attempt(ctx context.Context, c store.ClaimedDelivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	sender := d.senders[c.Delivery.Channel]
	if sender == nil {
		return errors.New("no mail server is configured: notify.smtp_host is empty")
	}
	if err := d.checkEnabled(ctx, c); err != nil {
		return err
	}
	m := channel.Message{DeliveryID: c.Delivery.ID, Target: c.Delivery.Target}
	if err := json.Unmarshal(c.Payload, &m.Announcement); err != nil {
		return fmt.Errorf("read the announcement: %w", err)
	}
	return sender.Send(ctx, m)
}

// note notes how an attempt went, and returns the delivery's new status.
func (d *Dispatcher) note(
	ctx context.Context, c store.ClaimedDelivery, failure error, stopped bool,
) (status string, err error) {
	s := d.cfg.Store
	switch {
	case failure == nil:
		return store.DeliveryDelivered, s.EndDelivery(ctx, c.Delivery, store.DeliveryDelivered, "")
	case errors.Is(failure, channel.ErrUnwanted):
		return store.DeliverySkipped, s.EndDelivery(ctx, c.Delivery, store.DeliverySkipped, failure.Error())
	case errors.Is(failure, channel.ErrDisabled):
		// The import's log says nothing: nothing was tried.
		return store.DeliveryGivenUp, s.EndDelivery(ctx, c.Delivery, store.DeliveryGivenUp, failure.Error())
	case channel.IsUnknown(failure):
		// A further attempt may deliver it a second time.
		return store.DeliveryGivenUp, s.GiveUpDelivery(ctx, c, failure.Error(), givenUp(c, failure))
	case channel.IsPermanent(failure), int(c.Delivery.Attempts) >= d.cfg.Settings.MaxAttempts && !stopped:
		return store.DeliveryGivenUp, s.GiveUpDelivery(ctx, c, failure.Error(), givenUp(c, failure))
	case stopped:
		return store.DeliveryPending, s.GiveBackDelivery(ctx, c.Delivery)
	default:
		wait := max(d.cfg.Backoff(c.Delivery.Attempts), channel.Wait(failure))
		return store.DeliveryPending, s.DelayDelivery(ctx, c.Delivery, wait, failure.Error())
	}
}

// givenUp words what the import's log says. It does not name the recipient.
func givenUp(c store.ClaimedDelivery, failure error) string {
	by := "by e-mail"
	if c.Delivery.Channel == store.ChannelWebhook {
		by = "to the webhook " + c.Delivery.Target
	}
	attempts := "1 attempt"
	if c.Delivery.Attempts > 1 {
		attempts = fmt.Sprintf("%d attempts", c.Delivery.Attempts)
	}
	id := c.Delivery.NotificationID
	if channel.IsGone(failure) {
		return fmt.Sprintf("notification %s could not be delivered %s, which gets no more until "+
			"`sluice notification enable %s`: %s", id, by, c.Delivery.Target, failure)
	}
	return fmt.Sprintf("notification %s could not be delivered %s, given up after %s: %s; "+
		"`sluice notification show %s` shows it", id, by, attempts, failure, id)
}
