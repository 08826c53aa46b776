-- Changes of the store's own state get their number when the log gives them a position, so that no two writers wait for
-- each other's. And each leaf says whose tenant's it is.
ALTER TABLE audit_events RENAME TO audit_events_before;
DROP TRIGGER audit_events_no_update;
DROP TRIGGER audit_events_no_delete;
CREATE TABLE audit_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    seq BIGINT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'decision',
    tenant TEXT NOT NULL DEFAULT '*',
    payload TEXT NOT NULL,
    UNIQUE (node, seq)
);
INSERT INTO audit_events (id, node, seq, at, kind, payload)
    SELECT id, node, seq, at, kind, payload FROM audit_events_before ORDER BY id;
DROP TABLE audit_events_before;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;

-- The number of a leaf that came without one.
ALTER TABLE log_positions ADD COLUMN seq BIGINT;
-- The last number given so.
ALTER TABLE log_head ADD COLUMN last_seq BIGINT NOT NULL DEFAULT 0;
UPDATE log_head SET last_seq = (SELECT COALESCE(MAX(seq), 0) FROM audit_events WHERE node = 'store');
