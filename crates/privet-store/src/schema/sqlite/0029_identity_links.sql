-- Whom an identity provider's people are here. `entry` is a keyed hash of tenant, issuer and what the issuer calls the person; `issuer` is
-- the operator's own name for it.
CREATE TABLE identity_links (
    entry BLOB NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    issuer TEXT NOT NULL,
    linked_at BIGINT NOT NULL
);
CREATE INDEX identity_links_of ON identity_links (tenant, principal, issuer);
