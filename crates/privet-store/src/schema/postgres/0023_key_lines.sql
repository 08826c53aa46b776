-- The key that takes the place of this one, and until when this one works beside it. `line` is the first key of a chain of such
-- keys: limits count the keys of one chain as one. NULL for a key that has taken no other's place.
ALTER TABLE api_keys ADD COLUMN successor TEXT;
ALTER TABLE api_keys ADD COLUMN grace_until BIGINT;
ALTER TABLE api_keys ADD COLUMN line TEXT;
CREATE INDEX api_keys_line ON api_keys (line) WHERE line IS NOT NULL;

-- When each key was last used, to the minute. A table of its own, so that noting it changes no key: nobody loads the keys again.
CREATE TABLE api_key_uses (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    last_used_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
ALTER TABLE api_key_uses ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_uses FORCE ROW LEVEL SECURITY;
CREATE POLICY api_key_uses_tenant ON api_key_uses USING (may_see(tenant));
