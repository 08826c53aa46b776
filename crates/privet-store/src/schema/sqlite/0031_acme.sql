-- Accounts with authorities that issue certificates by ACME (RFC 8555): address and key, sealed. `directory` is the address by which
-- the settings name the authority.
CREATE TABLE acme_accounts (
    directory TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    made_at BIGINT NOT NULL
);
-- Certificates that all nodes use, and who obtains the next one. `name`: a hash of the authority and the names it is for. `sealed`:
-- key and chain. `version`: how many were obtained. `fence` grows each time a node begins to obtain one: who holds an older number
-- writes nothing.
CREATE TABLE acme_certificates (
    name TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    sealed BLOB,
    expires_at BIGINT,
    fence BIGINT NOT NULL,
    holder TEXT,
    held_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT,
    retry_at BIGINT NOT NULL
);
-- What the authority is answered when it looks whether a name is ours. `name`: the name (tls-alpn-01), or the token (http-01).
CREATE TABLE acme_challenges (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    answer BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
