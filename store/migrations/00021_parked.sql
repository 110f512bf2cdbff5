-- +goose Up

-- People are told when an import is parked.
ALTER TABLE notifications DROP CONSTRAINT notifications_event_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_event_check CHECK (event IN
    ('completed', 'unchanged', 'failed', 'cancelled', 'declined', 'parked', 'review_wanted', 'review_reminder'));
