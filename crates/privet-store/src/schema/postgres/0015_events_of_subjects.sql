-- Whom a leaf is about: the first 32 characters of the pseudonym that its payload has. Nobody can lead it back once the
-- subject's key is shredded.
ALTER TABLE audit_events ADD COLUMN about TEXT GENERATED ALWAYS AS (
    NULLIF("left"(split_part(payload, '"subject":"', 2), 32), '')
) STORED;
CREATE INDEX audit_events_about ON audit_events (tenant, about, id) WHERE about IS NOT NULL;

-- Leaves that a call of Databunker's interfaces led to, beside its own: its lists show the call, and not also these.
CREATE TABLE vault_call_parts (
    tenant TEXT NOT NULL,
    event BIGINT NOT NULL,
    PRIMARY KEY (tenant, event)
);

ALTER TABLE vault_call_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_call_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_call_parts_tenant ON vault_call_parts USING (may_see(tenant));
