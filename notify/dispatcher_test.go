package notify_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/notify/email/smtptest"
	"github.com/sluicehq/sluice/notify/webhook/webhooktest"
	"github.com/sluicehq/sluice/store"
)

// Everybody who is to be told is told, once.
func TestEverybodyIsTold(t *testing.T) {
	t.Parallel()
	server, ops := smtptest.Start(t, smtptest.Config{}), webhooktest.Start(t, nil)
	b := setup(t, server, map[string]*webhooktest.Receiver{"ops": ops})
	b.cfg.Settings.To = "anna@EXAMPLE.com, carl@example.com"
	b.cfg.Settings.PollInterval = time.Hour
	var observed sync.Map
	b.cfg.Observe = func(channel, status string) { observed.Store(channel, status) }
	b.run(t)
	id := b.announce(t, store.EventFailed)
	all := b.await(t, id, store.DeliveryDelivered)
	require.Len(t, all, 4)
	var to []string
	for _, m := range server.Mails() {
		require.Equal(t, "CSV export import failed for example.com", m.Header.Get("Subject"))
		to = append(to, m.To...)
	}
	require.ElementsMatch(t, []string{"Anna@example.com", "ben@example.com", "carl@example.com"}, to, "each once, each alone")
	events := ops.Events()
	require.Len(t, events, 1)
	require.Equal(t, id, events[0].ID)
	require.Equal(t, "import.failed", events[0].Type)
	require.Empty(t, b.feedback(t))
	for _, channel := range []string{"email", "webhook"} {
		status, ok := observed.Load(channel)
		require.True(t, ok)
		require.Equal(t, store.DeliveryDelivered, status)
	}
}

// Without a mail server no mail is due, and with nobody to tell nothing is.
func TestNobodyIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, nil)
	b.run(t)
	require.Empty(t, b.await(t, b.announce(t, store.EventFailed)))
}

// What was announced while nobody ran is told later.
func TestToldLater(t *testing.T) {
	t.Parallel()
	ops := webhooktest.Start(t, nil)
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
	first, second := b.announce(t, store.EventCompleted), b.announce(t, store.EventReviewWanted)
	b.run(t)
	b.await(t, first, store.DeliveryDelivered)
	b.await(t, second, store.DeliveryDelivered)
	require.Len(t, ops.Events(), 2)
}

func TestRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	ops := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
	b.run(t)
	id := b.announce(t, store.EventCompleted)
	all := b.await(t, id, store.DeliveryDelivered)
	require.EqualValues(t, 3, all[0].Attempts)
	events := ops.Events()
	require.Len(t, events, 3)
	for _, e := range events {
		require.Equal(t, id, e.ID)
		require.Equal(t, events[0].Body, e.Body)
	}
	require.Empty(t, b.feedback(t))
}

// An endpoint's Retry-After is longer than our own wait.
func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	ops := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
	b.run(t)
	id := b.announce(t, store.EventCompleted)
	ops.Await(t, 1)
	all := b.await(t, id, store.DeliveryPending)
	require.Equal(t, "the endpoint answered 429 Too Many Requests", all[0].Error)
	require.WithinDuration(t, time.Now().Add(time.Hour), all[0].DueAt, time.Minute)
}

func TestGivingUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code     int
		attempts int
		want     string
	}{
		"after all attempts": {503, 3, "warn: notification ID could not be delivered to the webhook ops, given up after 3 attempts: " +
			"the endpoint answered 503 Service Unavailable; `sluice notification show ID` shows it"},
		"gone": {410, 1, "warn: notification ID could not be delivered to the webhook ops, which gets no more until " +
			"`sluice notification enable ops`: the endpoint answered 410 Gone: it is gone for good"},
		"refused": {404, 1, "warn: notification ID could not be delivered to the webhook ops, given up after 1 attempt: " +
			"the endpoint answered 404 Not Found; `sluice notification show ID` shows it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var code atomic.Int32
			code.Store(int32(test.code))
			ops := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(code.Load())) })
			b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
			b.run(t)
			id := b.announce(t, store.EventCompleted)
			all := b.await(t, id, store.DeliveryGivenUp)
			require.EqualValues(t, test.attempts, all[0].Attempts)
			require.Len(t, ops.Events(), test.attempts)
			require.Equal(t, []string{strings.ReplaceAll(test.want, "ID", id)}, b.feedback(t))

			// Somebody has mended it.
			code.Store(http.StatusOK)
			if test.code == http.StatusGone {
				require.EventuallyWithT(t, func(collect *assert.CollectT) {
					require.NoError(collect, b.Enable(context.Background(), "ops"))
				}, time.Minute, 10*time.Millisecond)
			}
			n, err := b.RetryNotification(b.ctx, id)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			b.await(t, id, store.DeliveryDelivered)
		})
	}
}

// A webhook that says it is gone gets no more notifications, whose deliveries say why, until
// somebody enables it; the others get theirs. It is said once.
func TestGoneWebhookIsDisabled(t *testing.T) {
	t.Parallel()
	var code atomic.Int32
	code.Store(http.StatusGone)
	ops := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(code.Load())) })
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops, "other": webhooktest.Start(t, nil)})
	b.run(t)
	b.await(t, b.announce(t, store.EventCompleted), store.DeliveryGivenUp, store.DeliveryDelivered)
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		disabled, err := b.Disabled(context.Background(), "ops")
		require.NoError(collect, err)
		require.Equal(collect, "the endpoint answered 410 Gone: it is gone for good", disabled.Reason)
	}, time.Minute, 10*time.Millisecond)
	feedback := b.feedback(t)

	id := b.announce(t, store.EventFailed)
	all := b.await(t, id, store.DeliveryGivenUp, store.DeliveryDelivered)
	require.Contains(t, all[0].Error, "the target is disabled since 2")
	require.Contains(t, all[0].Error, "410 Gone: it is gone for good: `sluice notification enable ops` enables it")
	require.Len(t, ops.Events(), 1, "it was left alone")
	require.Equal(t, feedback, b.feedback(t))
	require.Equal(t, 1, strings.Count(b.log.String(), "webhook disabled"))

	code.Store(http.StatusOK)
	require.NoError(t, b.Enable(b.ctx, "ops"))
	require.ErrorIs(t, b.Enable(b.ctx, "ops"), store.ErrNotFound)
	_, err := b.RetryNotification(b.ctx, id)
	require.NoError(t, err)
	b.await(t, id, store.DeliveryDelivered, store.DeliveryDelivered)
}

// A recipient that the server does not know is given up at once, the others are told;
// the log does not name anybody.
func TestUnknownRecipient(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{Refuse: func(to string) error {
		if strings.HasPrefix(to, "ben") {
			return &smtp.SMTPError{Code: 550, Message: "no such user " + to}
		}
		return nil
	}})
	b := setup(t, server, nil)
	b.run(t)
	id := b.announce(t, store.EventFailed)
	all := b.await(t, id, store.DeliveryDelivered, store.DeliveryGivenUp)
	require.Len(t, all, 2)
	require.Len(t, server.Mails(), 1)
	require.Equal(t, []string{"warn: notification " + id + " could not be delivered by e-mail, given up after 1 attempt: " +
		"the mail server refuses the recipient (550); `sluice notification show " + id + "` shows it"}, b.feedback(t))
	require.NotContains(t, b.log.String(), "ben@")
}

// A worker that dies between sending and noting it sends again, under the same ID.
func TestKilledInBetween(t *testing.T) {
	t.Parallel()
	// The first answer never comes: the worker is cut off before.
	hold := make(chan struct{})
	var asked atomic.Int32
	ops := webhooktest.Start(t, func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 1 {
			<-hold
		}
	})
	server := smtptest.Start(t, smtptest.Config{})
	b := setup(t, server, map[string]*webhooktest.Receiver{"ops": ops})
	t.Cleanup(func() { close(hold) })
	b.cfg.Grace = time.Millisecond
	stop := b.run(t)
	id := b.announce(t, store.EventCompleted)
	ops.Await(t, 1)
	server.Await(t, 2)
	stop()
	// It was given back, and is due at once.
	n, err := b.Notifications(b.ctx, 0, store.DeliveryPending, 10)
	require.NoError(t, err)
	require.NotEmpty(t, n)
	for _, d := range n {
		require.Zero(t, *d.Attempts, "an attempt that was cut off does not count")
	}
	b.run(t)
	b.await(t, id, store.DeliveryDelivered)
	events := ops.Events()
	require.Len(t, events, 2)
	require.Equal(t, events[0].ID, events[1].ID)
	require.Equal(t, events[0].Body, events[1].Body)
	byID := map[string]string{}
	for _, m := range server.Mails() {
		if to, again := byID[m.Header.Get("Message-ID")]; again {
			require.Equal(t, to, m.To[0], "two mails of one ID")
		}
		byID[m.Header.Get("Message-ID")] = m.To[0]
	}
	require.Len(t, byID, 2)
}

// A worker that was killed outright gives nothing back: its lease has to end.
func TestDeadWorker(t *testing.T) {
	t.Parallel()
	ops := webhooktest.Start(t, nil)
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
	id := b.announce(t, store.EventCompleted)
	_, err := b.ExpandNotification(b.ctx, func(store.Notification, []string) []store.Target {
		return []store.Target{{Channel: store.ChannelWebhook, Name: "ops"}}
	})
	require.NoError(t, err)
	claimed, err := b.ClaimDueDeliveries(b.ctx, 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	b.run(t)
	another := b.announce(t, store.EventCompleted)
	b.await(t, another, store.DeliveryDelivered)
	require.Len(t, ops.Events(), 1, "it is the dead worker's for now")
	_, err = b.sql.Exec(b.ctx, "UPDATE deliveries SET due_at = now() WHERE status = 'sending'")
	require.NoError(t, err)
	b.await(t, id, store.DeliveryDelivered)
	require.Len(t, ops.Events(), 2)
}

// Several dispatchers at once double nothing.
func TestManyDispatchers(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	ops, sales := webhooktest.Start(t, nil), webhooktest.Start(t, nil)
	b := setup(t, server, map[string]*webhooktest.Receiver{"ops": ops, "sales": sales})
	for range 3 {
		b.run(t)
	}
	const n = 25
	var ids []string
	for range n {
		ids = append(ids, b.announce(t, store.EventCompleted))
	}
	for _, id := range ids {
		require.Len(t, b.await(t, id, store.DeliveryDelivered), 4)
	}
	for _, r := range []*webhooktest.Receiver{ops, sales} {
		var got []string
		for _, e := range r.Events() {
			got = append(got, e.ID)
		}
		require.ElementsMatch(t, ids, got)
	}
	seen := map[string]bool{}
	for _, m := range server.Mails() {
		require.False(t, seen[m.Header.Get("Message-ID")])
		seen[m.Header.Get("Message-ID")] = true
	}
	require.Len(t, seen, 2*n)
}

// One endpoint that hangs does not keep the others from being told.
func TestHangingEndpoint(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	hanging, ops := webhooktest.Start(t, func(http.ResponseWriter, *http.Request) { <-hold }), webhooktest.Start(t, nil)
	b := setup(t, nil, map[string]*webhooktest.Receiver{"hanging": hanging, "ops": ops})
	t.Cleanup(func() { close(hold) })
	b.cfg.Grace = time.Millisecond
	b.run(t)
	b.announce(t, store.EventCompleted)
	ops.Await(t, 1)
	b.announce(t, store.EventFailed)
	require.Len(t, ops.Await(t, 2), 2)
}

// Secrets are in no error, no log line and no table.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	away := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	b := setup(t, server, map[string]*webhooktest.Receiver{"away": away})
	b.cfg.Settings.SMTPPassword = "wrong-" + smtptest.Password
	b.run(t)
	id := b.announce(t, store.EventFailed)
	all := b.await(t, id, store.DeliveryGivenUp)
	require.Len(t, all, 3)
	texts := b.log.String() + strings.Join(b.feedback(t), "\n")
	for _, table := range []string{"notifications", "deliveries", "feedback", "imports"} {
		rows, err := b.sql.Query(b.ctx, fmt.Sprintf("SELECT t::text FROM %s t", table))
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		texts += strings.Join(lines, "\n")
	}
	require.Contains(t, texts, "535")
	for _, planted := range []string{smtptest.Password, webhooktest.Secret, strings.TrimPrefix(webhooktest.Secret, "whsec_")} {
		require.NotContains(t, texts, planted)
	}
}

// The store may go away and come back.
func TestStoreGoesAway(t *testing.T) {
	t.Parallel()
	ops := webhooktest.Start(t, nil)
	b := setup(t, nil, map[string]*webhooktest.Receiver{"ops": ops})
	b.run(t)
	b.await(t, b.announce(t, store.EventCompleted), store.DeliveryDelivered)
	_, err := b.sql.Exec(b.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	require.NoError(t, err)
	id := b.addImport(t)
	require.Eventually(t, func() bool { return b.Announce(b.ctx, id, store.EventCompleted, "") == nil },
		time.Minute, 10*time.Millisecond)
	require.Len(t, ops.Await(t, 2), 2)
}

// Nonsense among the contacts fails by itself, and holds up nobody.
func TestNonsenseAmongTheContacts(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{})
	b := setup(t, server, nil)
	_, err := b.sql.Exec(b.ctx, "UPDATE sites SET contacts = $1", []string{
		"", " ", "nobody", strings.Repeat("ä", 5000) + "@example.com", "ben@example.com", "\"Ben\" <BEN@example.com>",
	})
	require.NoError(t, err)
	b.run(t)
	all := b.await(t, b.announce(t, store.EventFailed), store.DeliveryDelivered, store.DeliveryGivenUp)
	status := map[string]int{}
	for _, d := range all {
		status[d.Status]++
	}
	require.Equal(t, map[string]int{store.DeliveryDelivered: 2, store.DeliveryGivenUp: 2}, status)
	require.Len(t, server.Mails(), 2)
	require.Len(t, b.feedback(t), 2)
}
