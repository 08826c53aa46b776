-- Tenants that were made or switched off. One that has no row is there as soon as it has a key.
CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);
-- Who calls. A key whose principal has no row is a service account's.
CREATE TABLE principals (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'service')),
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    PRIMARY KEY (tenant, name)
);
CREATE TABLE principal_groups (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE TABLE group_members (
    tenant TEXT NOT NULL,
    group_name TEXT NOT NULL,
    principal TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, group_name, principal)
);
-- Roles of principals, and of groups for all their members.
CREATE TABLE role_grants (
    tenant TEXT NOT NULL,
    holder_kind TEXT NOT NULL CHECK (holder_kind IN ('principal', 'group')),
    holder TEXT NOT NULL,
    role TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, holder_kind, holder, role)
);
-- Signed records of courses that people have completed.
CREATE TABLE trainings (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    course TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (tenant, principal, course)
);

-- Whoever keeps the keys in memory keeps these with them, so one number tells of a change of either.
CREATE TRIGGER tenants_changed AFTER INSERT OR UPDATE OR DELETE ON tenants
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER principals_changed AFTER INSERT OR UPDATE OR DELETE ON principals
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER principal_groups_changed AFTER INSERT OR UPDATE OR DELETE ON principal_groups
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER group_members_changed AFTER INSERT OR UPDATE OR DELETE ON group_members
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER role_grants_changed AFTER INSERT OR UPDATE OR DELETE ON role_grants
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');
CREATE TRIGGER trainings_changed AFTER INSERT OR UPDATE OR DELETE ON trainings
    FOR EACH STATEMENT EXECUTE FUNCTION count_change('api_keys');

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_tenant ON tenants USING (may_see(tenant));
ALTER TABLE principals ENABLE ROW LEVEL SECURITY;
ALTER TABLE principals FORCE ROW LEVEL SECURITY;
CREATE POLICY principals_tenant ON principals USING (may_see(tenant));
ALTER TABLE principal_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE principal_groups FORCE ROW LEVEL SECURITY;
CREATE POLICY principal_groups_tenant ON principal_groups USING (may_see(tenant));
ALTER TABLE group_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE group_members FORCE ROW LEVEL SECURITY;
CREATE POLICY group_members_tenant ON group_members USING (may_see(tenant));
ALTER TABLE role_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE role_grants FORCE ROW LEVEL SECURITY;
CREATE POLICY role_grants_tenant ON role_grants USING (may_see(tenant));
ALTER TABLE trainings ENABLE ROW LEVEL SECURITY;
ALTER TABLE trainings FORCE ROW LEVEL SECURITY;
CREATE POLICY trainings_tenant ON trainings USING (may_see(tenant));
