-- +goose Up

-- Parts and lines of feedback change often, and each notification takes a lock of the whole database until its
-- transaction is on disk: workers waited for each other. Servers read the progress of running imports each second
-- instead, while it has subscribers. Changes of imports themselves are rare, and are still notified.
DROP TRIGGER parts_note_change ON parts;
DROP TRIGGER feedback_note_line ON feedback;
DROP FUNCTION note_changed_part();
