-- What a guardrail holds until somebody approves it: keyed hashes and names, no text. `who` is a pseudonym. A row without
-- `decided_at` waits; an approval counts until `expires_at`.
CREATE TABLE guard_holds (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    rule TEXT NOT NULL,
    surface TEXT NOT NULL,
    model TEXT NOT NULL,
    tool TEXT,
    who TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    is_approved BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX guard_holds_open ON guard_holds (tenant, opened_at);
ALTER TABLE guard_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE guard_holds FORCE ROW LEVEL SECURITY;
CREATE POLICY guard_holds_tenant ON guard_holds USING (may_see(tenant));
