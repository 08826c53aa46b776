-- Keys that sign access tokens, each sealed under a key derived from the root key. A node signs with the newest that does not
-- retire; one that retires checks what it signed until then.
CREATE TABLE access_token_keys (
    id TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    retires_at BIGINT,
    sealed BYTEA NOT NULL
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
CREATE TRIGGER access_token_keys_changed AFTER INSERT OR UPDATE OR DELETE ON access_token_keys
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER revoked_access_tokens_changed AFTER INSERT OR UPDATE OR DELETE ON revoked_access_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');

ALTER TABLE revoked_access_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE revoked_access_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY revoked_access_tokens_tenant ON revoked_access_tokens USING (may_see(tenant));
