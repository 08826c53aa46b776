-- Secrets of authenticator apps, sealed. `last_step`: the latest time step whose code was used.
CREATE TABLE totp_secrets (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    sealed BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal)
);
-- Codes for when the second factor is lost; keyed hashes. A used one is deleted.
CREATE TABLE recovery_codes (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, principal, hash)
);
-- Public keys of authenticators (WebAuthn). `credential` is the authenticator's own random name for the key.
CREATE TABLE passkeys (
    credential BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    suspect_at BIGINT
);
CREATE INDEX passkeys_of ON passkeys (tenant, principal);
-- What authenticators have signed, so that it counts once; hashes.
CREATE TABLE passkey_challenges (
    hash BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_end ON passkey_challenges (expires_at);
