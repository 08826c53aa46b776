-- Whom a leaf is about: the first 32 characters of the pseudonym that its payload has. Nobody can lead it back once the
-- subject's key is shredded.
ALTER TABLE audit_events ADD COLUMN about TEXT GENERATED ALWAYS AS (
    CASE instr(payload, '"subject":"') WHEN 0 THEN NULL ELSE substr(payload, instr(payload, '"subject":"') + 11, 32) END
) VIRTUAL;
CREATE INDEX audit_events_about ON audit_events (tenant, about, id) WHERE about IS NOT NULL;

-- Leaves that a call of Databunker's interfaces led to, beside its own: its lists show the call, and not also these.
CREATE TABLE vault_call_parts (
    tenant TEXT NOT NULL,
    event BIGINT NOT NULL,
    PRIMARY KEY (tenant, event)
);
