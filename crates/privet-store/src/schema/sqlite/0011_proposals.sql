-- Changes that are asked for and wait for approval, and tokens with which people call for themselves. Sealed is what was
-- asked for and why it was closed; clear are ids, kinds, times, pseudonyms and keyed hashes.

-- Changes that are asked for. `object` is the name of an application or an agreement. All columns are bound into `sealed`,
-- which is under the subject's key. Once the subject is erased, `subject` and `sealed` are NULL.
CREATE TABLE proposals (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'approved', 'cancelled')),
    subject TEXT,
    object TEXT,
    asked_by TEXT NOT NULL,
    seq BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    sealed BLOB,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX proposals_opened ON proposals (tenant, status, opened_at);
CREATE INDEX proposals_subject ON proposals (tenant, subject, seq);

-- Tokens with which people call for themselves; `id` is a token's hash. `ends_at` is for good, `expires_at` moves with use
-- where `idle_ms` is set. `mark` is a keyed hash of the row.
CREATE TABLE own_tokens (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    subject TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    idle_ms BIGINT,
    expires_at BIGINT NOT NULL,
    mark BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX own_tokens_id ON own_tokens (id);
CREATE INDEX own_tokens_subject ON own_tokens (tenant, subject, created_at);
CREATE INDEX own_tokens_end ON own_tokens (tenant, expires_at);
