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
    id BYTEA PRIMARY KEY,
    is_current BIGINT UNIQUE CHECK (is_current = 1),
    first BYTEA NOT NULL,
    since BIGINT NOT NULL,
    retired_at BIGINT
);

-- After a change of the root key: each of the two wrapped under the other, until nodes have the new one.
CREATE TABLE root_bridges (
    under BYTEA NOT NULL REFERENCES roots (id) DEFERRABLE,
    holds BYTEA NOT NULL REFERENCES roots (id) DEFERRABLE,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (under, holds)
);

-- Each key names the one it is wrapped under by a foreign key: no key can go while another is wrapped under it.
CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL,
    version BIGINT NOT NULL,
    root BYTEA NOT NULL REFERENCES roots (id) DEFERRABLE,
    wrapped BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, version)
);
CREATE INDEX tenant_keys_root ON tenant_keys (root);

CREATE TABLE tenant_secrets (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
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
    wrapped BYTEA NOT NULL,
    secret BYTEA NOT NULL,
    PRIMARY KEY (tenant, epoch),
    FOREIGN KEY (tenant, epoch) REFERENCES epochs (tenant, epoch) DEFERRABLE,
    FOREIGN KEY (tenant, version) REFERENCES tenant_keys (tenant, version) DEFERRABLE
);
CREATE INDEX epoch_keys_version ON epoch_keys (tenant, version);

-- `seals`: counted ones; `opening`: the number of openings when it was made.
CREATE TABLE subject_keys (
    tenant TEXT NOT NULL,
    id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    seals BIGINT NOT NULL DEFAULT 0,
    opening BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, epoch) REFERENCES epoch_keys (tenant, epoch) DEFERRABLE
);
CREATE INDEX subject_keys_epoch ON subject_keys (tenant, epoch);

-- What other nodes are to forget; kept for a day.
CREATE TABLE shredded_keys (
    version BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    id BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (version, tenant, id)
);

-- A transaction says whose rows it may see: `SELECT set_config('privet.tenant', …, true)`; `*` sees all of them.
CREATE FUNCTION may_see(tenant TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT tenant = current_setting('privet.tenant', true) OR current_setting('privet.tenant', true) = '*'
$$;
ALTER TABLE tenant_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_keys_tenant ON tenant_keys USING (may_see(tenant));
ALTER TABLE tenant_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_secrets_tenant ON tenant_secrets USING (may_see(tenant));
ALTER TABLE epochs ENABLE ROW LEVEL SECURITY;
ALTER TABLE epochs FORCE ROW LEVEL SECURITY;
CREATE POLICY epochs_tenant ON epochs USING (may_see(tenant));
ALTER TABLE epoch_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE epoch_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY epoch_keys_tenant ON epoch_keys USING (may_see(tenant));
ALTER TABLE subject_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_keys_tenant ON subject_keys USING (may_see(tenant));
ALTER TABLE shredded_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE shredded_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY shredded_keys_tenant ON shredded_keys USING (may_see(tenant));
