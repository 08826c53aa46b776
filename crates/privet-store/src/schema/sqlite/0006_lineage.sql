-- What was made of a person elsewhere: one row a node. Rooms name their nodes by ids of their own, never by personal
-- data. Gone with the person.
CREATE TABLE lineage (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    place TEXT NOT NULL,
    node TEXT NOT NULL,
    reach TEXT NOT NULL CHECK (reach IN ('connector', 'hidden', 'retained', 'out_of_scope')),
    basis TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, subject, kind, place, node)
);

-- Erasures, those under way among them: an erasure that was begun is taken up again until it is done.
CREATE TABLE erasures (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    key_id BLOB NOT NULL,
    pseudonym TEXT NOT NULL,
    reason TEXT NOT NULL,
    principal TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'done')),
    begun_at BIGINT NOT NULL,
    done_at BIGINT,
    outcomes TEXT NOT NULL,
    receipt TEXT,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, subject)
);
CREATE INDEX erasures_begun ON erasures (state) WHERE state = 'begun';

-- By what erased persons were known: keyed hashes, so that they do not come back by an import or a restored backup.
CREATE TABLE erased_identifiers (
    tenant TEXT NOT NULL,
    entry BLOB NOT NULL,
    erased_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, entry)
);
