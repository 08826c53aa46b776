-- What is about people, and all calls of Databunker's interfaces, in the order in which a list shows them.
CREATE INDEX audit_events_people ON audit_events (tenant, id) WHERE about IS NOT NULL OR kind = 'vault_call';

-- What a call wrote that has no version: the statement of a person, or a session with the time of its beginning. It goes with the
-- person.
ALTER TABLE vault_calls ADD COLUMN wrote TEXT;
