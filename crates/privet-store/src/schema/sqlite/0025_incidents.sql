-- Incidents. Titles and notes are sealed: people write names into them.
CREATE TABLE incidents (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'contained', 'resolved', 'closed')),
    opened_at BIGINT NOT NULL,
    aware_at BIGINT NOT NULL,
    notified_at BIGINT,
    needs_none_at BIGINT,
    closed_at BIGINT,
    scope TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
);
-- What happened with each, in order.
CREATE TABLE incident_entries (
    tenant TEXT NOT NULL,
    incident TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, incident, seq)
);
