-- Keys that sign access tokens, each sealed under a key derived from the root key. A node signs with the newest that does not
-- retire; one that retires checks what it signed until then.
CREATE TABLE access_token_keys (
    id TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    retires_at BIGINT,
    sealed BLOB NOT NULL
);
-- Access tokens that are refused although they have not expired.
CREATE TABLE revoked_access_tokens (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    revoked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- Whoever keeps the API keys in memory keeps these with them.
CREATE TRIGGER access_token_keys_inserted AFTER INSERT ON access_token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER access_token_keys_updated AFTER UPDATE ON access_token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER access_token_keys_deleted AFTER DELETE ON access_token_keys
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER revoked_access_tokens_inserted AFTER INSERT ON revoked_access_tokens
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER revoked_access_tokens_updated AFTER UPDATE ON revoked_access_tokens
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER revoked_access_tokens_deleted AFTER DELETE ON revoked_access_tokens
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
