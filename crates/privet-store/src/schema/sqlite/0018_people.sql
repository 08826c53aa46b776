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
CREATE TRIGGER tenants_inserted AFTER INSERT ON tenants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER tenants_updated AFTER UPDATE ON tenants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER tenants_deleted AFTER DELETE ON tenants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principals_inserted AFTER INSERT ON principals
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principals_updated AFTER UPDATE ON principals
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principals_deleted AFTER DELETE ON principals
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principal_groups_inserted AFTER INSERT ON principal_groups
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principal_groups_updated AFTER UPDATE ON principal_groups
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER principal_groups_deleted AFTER DELETE ON principal_groups
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER group_members_inserted AFTER INSERT ON group_members
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER group_members_updated AFTER UPDATE ON group_members
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER group_members_deleted AFTER DELETE ON group_members
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER role_grants_inserted AFTER INSERT ON role_grants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER role_grants_updated AFTER UPDATE ON role_grants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER role_grants_deleted AFTER DELETE ON role_grants
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER trainings_inserted AFTER INSERT ON trainings
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER trainings_updated AFTER UPDATE ON trainings
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
CREATE TRIGGER trainings_deleted AFTER DELETE ON trainings
    BEGIN UPDATE changes SET version = version + 1 WHERE name = 'api_keys'; END;
