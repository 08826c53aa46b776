-- Subjects, records, tokens, sessions. What people wrote is sealed under keys that are in the keyring, never here; clear
-- are ids, times, states, names of applications and kinds of tokens.

-- One row a person. `mark` is a keyed hash of the row under the subject's key, so that nobody edits a state or a version
-- unseen.
CREATE TABLE subjects (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    key_id BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'restricted', 'erased')),
    version BIGINT NOT NULL,
    oldest_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    mark BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- The record of a person, one row a version, each field sealed by itself.
CREATE TABLE subject_versions (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, subject, version)
);

-- Blind index: keyed hashes of normalised values. `slot` is empty where a value may stand once, else the subject.
CREATE TABLE subject_index (
    tenant TEXT NOT NULL,
    field TEXT NOT NULL,
    key_version BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    slot TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (tenant, field, key_version, entry, slot)
);
CREATE INDEX subject_index_subject ON subject_index (tenant, subject);

-- Prefix buckets, where a field opted in.
CREATE TABLE subject_buckets (
    tenant TEXT NOT NULL,
    field TEXT NOT NULL,
    key_version BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (tenant, field, key_version, bucket, subject)
);
CREATE INDEX subject_buckets_subject ON subject_buckets (tenant, subject);

-- What an application keeps of a person.
CREATE TABLE subject_apps (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    app TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, subject, app)
);

-- Sessions. `id` is a keyed hash of the session's name. One without a subject has a key of its own.
CREATE TABLE subject_sessions (
    tenant TEXT NOT NULL,
    id BYTEA NOT NULL,
    subject TEXT,
    key_id BYTEA NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX subject_sessions_subject ON subject_sessions (tenant, subject, created_at);
CREATE INDEX subject_sessions_expiry ON subject_sessions (expires_at);

-- Shared records. `id` is the SHA-256 of the token that the holder has; which fields it shows is sealed.
CREATE TABLE subject_shares (
    tenant TEXT NOT NULL,
    id BYTEA NOT NULL,
    subject TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    most_reads BIGINT,
    reads BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX subject_shares_id ON subject_shares (id);
CREATE INDEX subject_shares_subject ON subject_shares (tenant, subject);
CREATE INDEX subject_shares_expiry ON subject_shares (expires_at);

-- Tokens of single values. `dedup` is the blind index of the value, where equal values share a token. A
-- format-preserving one survives the shredding of keys: it is flagged.
CREATE TABLE vault_tokens (
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    key_id BYTEA NOT NULL,
    preserves_format BIGINT NOT NULL,
    dedup BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, token)
);
CREATE UNIQUE INDEX vault_tokens_dedup ON vault_tokens (tenant, kind, dedup) WHERE dedup IS NOT NULL;
CREATE INDEX vault_tokens_subject ON vault_tokens (tenant, subject);
CREATE INDEX vault_tokens_expiry ON vault_tokens (expires_at) WHERE expires_at IS NOT NULL;

-- Reads of many records: asked for, approved by somebody else, then open for a short time.
CREATE TABLE bulk_reads (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    decided_by TEXT,
    decided_at BIGINT,
    is_approved BIGINT,
    unlock_id TEXT,
    unlock_until BIGINT,
    records BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

ALTER TABLE subjects ENABLE ROW LEVEL SECURITY;
ALTER TABLE subjects FORCE ROW LEVEL SECURITY;
CREATE POLICY subjects_tenant ON subjects USING (may_see(tenant));
ALTER TABLE subject_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_versions_tenant ON subject_versions USING (may_see(tenant));
ALTER TABLE subject_index ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_index FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_index_tenant ON subject_index USING (may_see(tenant));
ALTER TABLE subject_buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_buckets FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_buckets_tenant ON subject_buckets USING (may_see(tenant));
ALTER TABLE subject_apps ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_apps FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_apps_tenant ON subject_apps USING (may_see(tenant));
ALTER TABLE subject_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_sessions_tenant ON subject_sessions USING (may_see(tenant));
ALTER TABLE subject_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_shares FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_shares_tenant ON subject_shares USING (may_see(tenant));
ALTER TABLE vault_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_tokens_tenant ON vault_tokens USING (may_see(tenant));
ALTER TABLE bulk_reads ENABLE ROW LEVEL SECURITY;
ALTER TABLE bulk_reads FORCE ROW LEVEL SECURITY;
CREATE POLICY bulk_reads_tenant ON bulk_reads USING (may_see(tenant));
