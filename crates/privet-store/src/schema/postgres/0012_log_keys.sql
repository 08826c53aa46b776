-- Checkpoints that stay: some by time, and those at which the log changed its key.
CREATE TABLE log_checkpoints (
    size BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    is_key_change BIGINT NOT NULL,
    checkpoint TEXT NOT NULL
);

-- Keys that the log had before, and the size of the last checkpoint that each signed.
CREATE TABLE log_former_keys (
    last_size BIGINT PRIMARY KEY,
    key TEXT NOT NULL
);

-- What witnesses have signed: a line below the checkpoint of `size`.
CREATE TABLE log_cosignatures (
    size BIGINT NOT NULL,
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (size, witness)
);
