-- What each node has learnt of callers and models, sealed: it tells when somebody works. `who` is a keyed hash.
CREATE TABLE watch_states (
    node TEXT NOT NULL,
    who TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (node, who)
);
-- What was unusual, explained in numbers and pseudonyms. `held_until` is set where the caller was throttled or suspended for it, until
-- it is over or `lifted_at`.
CREATE TABLE alerts (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    who TEXT NOT NULL,
    key_id TEXT,
    finding TEXT NOT NULL,
    response TEXT NOT NULL CHECK (response IN ('alert', 'throttle', 'suspend')),
    requests BIGINT NOT NULL,
    held_until BIGINT,
    lifted_at BIGINT,
    closed_at BIGINT,
    incident TEXT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX alerts_at ON alerts (tenant, at);
CREATE INDEX alerts_held ON alerts (held_until) WHERE held_until IS NOT NULL AND lifted_at IS NULL;

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY alerts_tenant ON alerts USING (may_see(tenant));
