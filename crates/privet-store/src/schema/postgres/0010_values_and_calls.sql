-- Tokens with a substitute: a value of the same kind, drawn at random, that stands for the value too. `mark` is a keyed hash of
-- the token's times under its key; rows from before have none, and their end is bound by the seal.
ALTER TABLE vault_tokens ADD COLUMN substitute TEXT;
ALTER TABLE vault_tokens ADD COLUMN final_at BIGINT;
ALTER TABLE vault_tokens ADD COLUMN sliding_ms BIGINT;
ALTER TABLE vault_tokens ADD COLUMN mark BYTEA;
CREATE UNIQUE INDEX vault_tokens_substitute ON vault_tokens (tenant, substitute) WHERE substitute IS NOT NULL;

-- A bulk read that opens by its approval, for so long.
ALTER TABLE bulk_reads ADD COLUMN opens_ms BIGINT;

-- Calls of Databunker's interfaces, each with its leaf. Whom a call was about stands here and not in the log, so that it goes
-- with the person; `note` too.
CREATE TABLE vault_calls (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    event BIGINT NOT NULL,
    subject TEXT,
    app TEXT,
    note TEXT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX vault_calls_event ON vault_calls (tenant, event);
CREATE INDEX vault_calls_subject ON vault_calls (tenant, subject, event) WHERE subject IS NOT NULL;

ALTER TABLE vault_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_calls FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_calls_tenant ON vault_calls USING (may_see(tenant));
