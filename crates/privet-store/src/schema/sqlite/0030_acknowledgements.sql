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
CREATE TRIGGER acknowledgements_inserted AFTER INSERT ON acknowledgements
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER acknowledgements_updated AFTER UPDATE ON acknowledgements
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER acknowledgements_deleted AFTER DELETE ON acknowledgements
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
