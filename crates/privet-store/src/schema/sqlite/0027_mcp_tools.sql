-- How each tool of a server described itself when it was first seen, and when it was last seen: keyed hashes. `tool` is its
-- name, as the server gives it.
CREATE TABLE mcp_tools (
    tenant TEXT NOT NULL,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    pinned TEXT NOT NULL,
    seen TEXT NOT NULL,
    pinned_at BIGINT NOT NULL,
    changed_at BIGINT,
    PRIMARY KEY (tenant, server, tool)
);
