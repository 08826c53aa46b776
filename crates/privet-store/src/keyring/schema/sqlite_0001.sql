-- `keys`, `shred`: count changes, so that nodes ask for two numbers instead of tables. `openings`: how often a process
-- began to count seals.
CREATE TABLE changes (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO changes (name, version) VALUES ('keys', 0), ('shred', 0), ('openings', 0);

-- The root keys that open the keyring, by name; the keys themselves are elsewhere. `first` is the root key that the keyring
-- was made with, wrapped under this one.
CREATE TABLE roots (
    id BLOB PRIMARY KEY,
    is_current BIGINT UNIQUE CHECK (is_current = 1),
    first BLOB NOT NULL,
    since BIGINT NOT NULL,
    retired_at BIGINT
);

-- After a change of the root key: each of the two wrapped under the other, until nodes have the new one.
CREATE TABLE root_bridges (
    under BLOB NOT NULL REFERENCES roots (id) DEFERRABLE,
    holds BLOB NOT NULL REFERENCES roots (id) DEFERRABLE,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (under, holds)
);

-- Each key names the one it is wrapped under by a foreign key: no key can go while another is wrapped under it.
CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL,
    version BIGINT NOT NULL,
    root BLOB NOT NULL REFERENCES roots (id) DEFERRABLE,
    wrapped BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, version)
);
CREATE INDEX tenant_keys_root ON tenant_keys (root);

CREATE TABLE tenant_secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, version) REFERENCES tenant_keys (tenant, version) DEFERRABLE
);

CREATE TABLE epochs (
    tenant TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    destroyed_at BIGINT,
    PRIMARY KEY (tenant, epoch)
);

-- A table of its own, so that it can have backups of its own. `secret` is wrapped under the epoch's key.
CREATE TABLE epoch_keys (
    tenant TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    wrapped BLOB NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (tenant, epoch),
    FOREIGN KEY (tenant, epoch) REFERENCES epochs (tenant, epoch) DEFERRABLE,
    FOREIGN KEY (tenant, version) REFERENCES tenant_keys (tenant, version) DEFERRABLE
);
CREATE INDEX epoch_keys_version ON epoch_keys (tenant, version);

-- `seals`: counted ones; `opening`: the number of openings when it was made.
CREATE TABLE subject_keys (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    wrapped BLOB NOT NULL,
    seals BIGINT NOT NULL DEFAULT 0,
    opening BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, epoch) REFERENCES epoch_keys (tenant, epoch) DEFERRABLE
) WITHOUT ROWID;
CREATE INDEX subject_keys_epoch ON subject_keys (tenant, epoch);

-- What other nodes are to forget; kept for a day.
CREATE TABLE shredded_keys (
    version BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    id BLOB NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (version, tenant, id)
) WITHOUT ROWID;
