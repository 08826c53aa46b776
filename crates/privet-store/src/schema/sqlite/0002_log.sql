-- Audit events become the leaves of a signed log. Those that are there already are leaves too, without a position yet.
ALTER TABLE audit_events RENAME COLUMN position TO id;
ALTER TABLE audit_events ADD COLUMN kind TEXT NOT NULL DEFAULT 'decision';

-- Which leaf stands where; from 0 without gaps. Apart from the leaves, so that giving a position changes no leaf, and so
-- that the order need not be that of arrival.
CREATE TABLE log_positions (
    position INTEGER PRIMARY KEY,
    event BIGINT NOT NULL
);
CREATE TRIGGER log_positions_no_update BEFORE UPDATE ON log_positions
    BEGIN SELECT RAISE(ABORT, 'positions are append-only'); END;
CREATE TRIGGER log_positions_no_delete BEFORE DELETE ON log_positions
    BEGIN SELECT RAISE(ABORT, 'positions are append-only'); END;

-- The tiles of the tree, each with the hashes it has so far.
CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, tile)
);

-- The head of the log: one row. Who sequences replaces it only if its size is the one it started from.
CREATE TABLE log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    checkpoint TEXT NOT NULL
);
INSERT INTO log_head (one, size, last_event, checkpoint) VALUES (1, 0, 0, '');
