-- What happened to keys, for the log in the store, which is another database: written together with what it tells of, and
-- taken away once the log has it. Numbered without gaps.
CREATE TABLE key_events (
    number BIGINT PRIMARY KEY,
    tenant TEXT NOT NULL,
    event TEXT NOT NULL
);

-- What the log calls this numbering, and the last number given.
CREATE TABLE key_event_source (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    node TEXT NOT NULL,
    last BIGINT NOT NULL
);

-- Who may seal no more under a key gets another one beside it: `family` names the first, `generation` counts from 1.
ALTER TABLE subject_keys ADD COLUMN family BLOB;
ALTER TABLE subject_keys ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX subject_keys_family ON subject_keys (tenant, family, generation) WHERE family IS NOT NULL;

-- Secrets of blind indexes after the first, which are `index/<number>` in `tenant_secrets`. While `current_at` is null the
-- entries are being made; while `ended_at` is null those of the secret before are still there.
CREATE TABLE index_rotations (
    tenant TEXT NOT NULL,
    number BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    current_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (tenant, number)
);
