-- The keys that sign short-lived tokens: seeds, sealed under a key that is not in the store. The newest one signs.
CREATE TABLE token_keys (
    generation BIGINT NOT NULL PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    made_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL
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
CREATE FUNCTION end_tokens_of_session() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO token_revocations (tenant, kind, principal, name, ends_at)
        VALUES (OLD.tenant, 'session', OLD.principal, OLD.id, OLD.tokens_until) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER sign_in_sessions_tokens AFTER DELETE ON sign_in_sessions
    FOR EACH ROW WHEN (OLD.tokens_until IS NOT NULL) EXECUTE FUNCTION end_tokens_of_session();

-- Whoever keeps the keys in memory keeps these with them.
CREATE TRIGGER token_keys_changed AFTER INSERT OR UPDATE OR DELETE ON token_keys
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER token_revocations_changed AFTER INSERT OR UPDATE OR DELETE ON token_revocations
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER token_counts_changed AFTER INSERT OR UPDATE OR DELETE ON token_counts
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');

ALTER TABLE token_revocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_revocations FORCE ROW LEVEL SECURITY;
CREATE POLICY token_revocations_tenant ON token_revocations USING (may_see(tenant));
ALTER TABLE token_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY token_counts_tenant ON token_counts USING (may_see(tenant));
