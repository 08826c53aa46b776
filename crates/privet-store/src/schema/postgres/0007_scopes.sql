-- What an API key may be used for: names of scopes with commas between. Keys that are there already are for the gateway.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'gateway';

-- A tenant's own events, in the order of arrival.
CREATE INDEX audit_events_tenant_id ON audit_events (tenant, id);
