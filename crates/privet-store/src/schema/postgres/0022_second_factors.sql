-- Secrets of authenticator apps, sealed. `last_step`: the latest time step whose code was used.
CREATE TABLE totp_secrets (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal)
);
-- Codes for when the second factor is lost; keyed hashes. A used one is deleted.
CREATE TABLE recovery_codes (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant, principal, hash)
);
-- Public keys of authenticators (WebAuthn). `credential` is the authenticator's own random name for the key.
CREATE TABLE passkeys (
    credential BYTEA NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    suspect_at BIGINT
);
CREATE INDEX passkeys_of ON passkeys (tenant, principal);
-- What authenticators have signed, so that it counts once; hashes.
CREATE TABLE passkey_challenges (
    hash BYTEA NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_end ON passkey_challenges (expires_at);
ALTER TABLE totp_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE totp_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY totp_secrets_tenant ON totp_secrets USING (may_see(tenant));
ALTER TABLE recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_codes FORCE ROW LEVEL SECURITY;
CREATE POLICY recovery_codes_tenant ON recovery_codes USING (may_see(tenant));
ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkeys FORCE ROW LEVEL SECURITY;
CREATE POLICY passkeys_tenant ON passkeys USING (may_see(tenant));
ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkey_challenges FORCE ROW LEVEL SECURITY;
CREATE POLICY passkey_challenges_tenant ON passkey_challenges USING (may_see(tenant));
