-- The keys that sign short-lived tokens: seeds, sealed under a key that is not in the store. The newest one signs.
CREATE TABLE token_keys (
    generation INTEGER NOT NULL PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    made_at BIGINT NOT NULL,
    sealed BLOB NOT NULL
);
-- Tokens that were taken back before their end, and sessions that ended before the tokens they made. Kept until none of them can
-- be good by itself.
CREATE TABLE token_revocations (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('token', 'session')),
    principal TEXT NOT NULL,
    name TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, kind, principal, name)
);
CREATE INDEX token_revocations_ends ON token_revocations (ends_at);
-- How often somebody has taken back all its tokens at once: a token of an earlier count is good no more.
CREATE TABLE token_counts (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    taken_back BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal)
);

-- Until when a token may be good that a session made; NULL if it made none.
ALTER TABLE sign_in_sessions ADD COLUMN tokens_until BIGINT;
-- However a session ends, its tokens end with it.
CREATE TRIGGER sign_in_sessions_tokens AFTER DELETE ON sign_in_sessions WHEN OLD.tokens_until IS NOT NULL
    BEGIN INSERT INTO token_revocations (tenant, kind, principal, name, ends_at)
          VALUES (OLD.tenant, 'session', OLD.principal, OLD.id, OLD.tokens_until) ON CONFLICT DO NOTHING; END;

-- Whoever keeps the keys in memory keeps these with them.
CREATE TRIGGER token_keys_inserted AFTER INSERT ON token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_keys_updated AFTER UPDATE ON token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_keys_deleted AFTER DELETE ON token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_revocations_inserted AFTER INSERT ON token_revocations
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_revocations_updated AFTER UPDATE ON token_revocations
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_revocations_deleted AFTER DELETE ON token_revocations
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_counts_inserted AFTER INSERT ON token_counts
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_counts_updated AFTER UPDATE ON token_counts
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER token_counts_deleted AFTER DELETE ON token_counts
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
