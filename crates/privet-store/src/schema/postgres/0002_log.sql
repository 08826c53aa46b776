-- Audit events become the leaves of a signed log.
ALTER TABLE audit_events ADD COLUMN kind TEXT NOT NULL DEFAULT 'decision';

-- Which leaf stands where; from 0 without gaps.
CREATE TABLE log_positions (
    position BIGINT PRIMARY KEY,
    event BIGINT NOT NULL UNIQUE
);
CREATE TRIGGER log_positions_append_only BEFORE UPDATE OR DELETE ON log_positions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_positions_not_truncated BEFORE TRUNCATE ON log_positions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The tiles of the tree, each with the hashes it has so far.
CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, tile)
);

-- The head of the log: one row. Who sequences replaces it only if its size is the one it started from.
CREATE TABLE log_head (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL,
    last_event BIGINT NOT NULL,
    checkpoint TEXT NOT NULL
);
INSERT INTO log_head (one, size, last_event, checkpoint) VALUES (1, 0, 0, '');
