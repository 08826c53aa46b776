-- What is switched off, by whom and until when. A row without `tenant` counts for the whole installation. Rows are never deleted:
-- one that was taken back says so.
CREATE TABLE kill_switches (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    ends_at BIGINT,
    lifted_at BIGINT,
    lifted_by TEXT
);
CREATE INDEX kill_switches_in_force ON kill_switches (set_at) WHERE lifted_at IS NULL;
-- Whoever keeps the keys in memory keeps these with them.
CREATE TRIGGER kill_switches_inserted AFTER INSERT ON kill_switches
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER kill_switches_updated AFTER UPDATE ON kill_switches
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER kill_switches_deleted AFTER DELETE ON kill_switches
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
