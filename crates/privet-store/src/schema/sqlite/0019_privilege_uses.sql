-- When each principal last used which action, and how often: what was granted is held against it. Written rarely.
CREATE TABLE privilege_uses (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    action TEXT NOT NULL,
    last_used_at BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal, action)
);
