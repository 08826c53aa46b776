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
CREATE TRIGGER kill_switches_changed AFTER INSERT OR UPDATE OR DELETE ON kill_switches
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');

ALTER TABLE kill_switches ENABLE ROW LEVEL SECURITY;
ALTER TABLE kill_switches FORCE ROW LEVEL SECURITY;
CREATE POLICY kill_switches_tenant ON kill_switches USING (may_see(tenant));
