-- What an API key may be used for: names of scopes with commas between. Keys that are there already are for the gateway.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'gateway';

-- A tenant's own events, in the order of arrival; and the position of each.
CREATE INDEX audit_events_tenant ON audit_events (tenant, id);
CREATE INDEX log_positions_event ON log_positions (event);
