-- Changes of the store's own state get their number when the log gives them a position, so that no two writers wait for
-- each other's. And each leaf says whose tenant's it is.
ALTER TABLE audit_events ALTER COLUMN seq DROP NOT NULL;
ALTER TABLE audit_events ADD COLUMN tenant TEXT NOT NULL DEFAULT '*';
ALTER TABLE log_positions ADD COLUMN seq BIGINT;
ALTER TABLE log_head ADD COLUMN last_seq BIGINT NOT NULL DEFAULT 0;

UPDATE log_head SET last_seq = (SELECT COALESCE(MAX(seq), 0) FROM audit_events WHERE node = 'store');

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_events_tenant ON audit_events USING (may_see(tenant));

-- Leaves without a position. Ids can become visible out of order here, so "behind the last id" would lose some.
CREATE TABLE log_queue (event BIGINT PRIMARY KEY);
INSERT INTO log_queue (event)
    SELECT id FROM audit_events e WHERE NOT EXISTS (SELECT 1 FROM log_positions p WHERE p.event = e.id);
CREATE FUNCTION queue_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log_queue (event) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_events_queued AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION queue_event();
