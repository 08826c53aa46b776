-- When a subject's data ends, where that was said: at the latest, so long after the last use, and when that is if nobody
-- uses it any more. Milliseconds.
ALTER TABLE subjects ADD COLUMN until_at BIGINT;
ALTER TABLE subjects ADD COLUMN sliding_ms BIGINT;
ALTER TABLE subjects ADD COLUMN ends_at BIGINT;
CREATE INDEX subjects_end ON subjects (tenant, ends_at);

-- The same of sessions, whose end is in expires_at.
ALTER TABLE subject_sessions ADD COLUMN until_at BIGINT;
ALTER TABLE subject_sessions ADD COLUMN sliding_ms BIGINT;

-- Earlier versions of what applications keep; the current one is in subject_apps.
CREATE TABLE subject_app_versions (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    app TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, subject, app, version)
);

ALTER TABLE subject_app_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_app_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_app_versions_tenant ON subject_app_versions USING (may_see(tenant));
