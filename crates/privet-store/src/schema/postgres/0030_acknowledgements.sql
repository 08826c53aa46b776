-- Who has acknowledged which notice of the policy. `text_hash` names the wording: another one is to be acknowledged anew.
CREATE TABLE acknowledgements (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    notice TEXT NOT NULL,
    text_hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal, notice, text_hash)
);
-- Whoever keeps the keys in memory keeps these with them.
CREATE TRIGGER acknowledgements_changed AFTER INSERT OR UPDATE OR DELETE ON acknowledgements
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');

ALTER TABLE acknowledgements ENABLE ROW LEVEL SECURITY;
ALTER TABLE acknowledgements FORCE ROW LEVEL SECURITY;
CREATE POLICY acknowledgements_tenant ON acknowledgements USING (may_see(tenant));
