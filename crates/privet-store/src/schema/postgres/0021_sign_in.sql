-- Passwords of people: PHC strings of Argon2id, with a pepper that is not in the store.
CREATE TABLE passwords (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    hash TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal)
);
-- One-time codes with which a person sets a password; keyed hashes. A used one is deleted.
CREATE TABLE invites (
    hash BYTEA NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- Failures to sign in, one behind the other, of a person or an address. `counter` is a keyed hash; those of addresses, and of
-- names that nobody has, are cut so short that the rows cannot grow without bound.
CREATE TABLE sign_in_failures (
    counter BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
-- Who is signed in. `hash` is a keyed hash of the token that the person's browser holds.
CREATE TABLE sign_in_sessions (
    hash BYTEA NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    way TEXT NOT NULL,
    has_two_factors BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    proved_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_sessions_of ON sign_in_sessions (tenant, principal, made_at);
ALTER TABLE passwords ENABLE ROW LEVEL SECURITY;
ALTER TABLE passwords FORCE ROW LEVEL SECURITY;
CREATE POLICY passwords_tenant ON passwords USING (may_see(tenant));
ALTER TABLE invites ENABLE ROW LEVEL SECURITY;
ALTER TABLE invites FORCE ROW LEVEL SECURITY;
CREATE POLICY invites_tenant ON invites USING (may_see(tenant));
ALTER TABLE sign_in_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sign_in_sessions_tenant ON sign_in_sessions USING (may_see(tenant));
