-- How many codes were sent and how often a wrong one was typed for a person, whichever request it was for. `person` is a keyed
-- hash of a name that a request gave, or of a subject's id. A row begins anew once `ends_at` is over, and is deleted then.
CREATE TABLE request_tries (
    tenant TEXT NOT NULL,
    person BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('code', 'attempt')),
    made BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, person, kind)
);
CREATE INDEX request_tries_end ON request_tries (tenant, ends_at);
