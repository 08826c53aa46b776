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
    sealed BYTEA NOT NULL,
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
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, incident, seq)
);

ALTER TABLE incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE incidents FORCE ROW LEVEL SECURITY;
CREATE POLICY incidents_tenant ON incidents USING (may_see(tenant));
ALTER TABLE incident_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE incident_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY incident_entries_tenant ON incident_entries USING (may_see(tenant));
