-- Consent, purposes, retention.

-- Counts committed changes of a tenant's definitions and events. Who changes one takes the next number first and keeps the
-- row locked until it commits: numbers become visible in order, so "behind the last number" is complete.
CREATE TABLE consent_versions (
    tenant TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);

-- Purposes, recipients, agreements, processing activities, controller, retention policies. A change is a new version.
CREATE TABLE definitions (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    is_active BIGINT NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, name, version)
);

-- What subjects said, in order of recording. The subject is a keyed pseudonym; free text is sealed under the subject's key.
-- `rank` orders events of one instant: what restricts stands last, and so holds.
CREATE TABLE consent_events (
    tenant TEXT NOT NULL,
    statement TEXT NOT NULL,
    seq BIGINT NOT NULL,
    subject BLOB NOT NULL,
    purpose TEXT NOT NULL,
    track TEXT NOT NULL,
    kind TEXT NOT NULL,
    rank BIGINT NOT NULL,
    at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    expires_at BIGINT,
    categories TEXT,
    recipients TEXT,
    is_explicit BIGINT NOT NULL,
    given_by TEXT NOT NULL,
    is_minor BIGINT NOT NULL,
    method TEXT NOT NULL,
    actor TEXT NOT NULL,
    agreement TEXT,
    agreement_version BIGINT,
    agreement_hash TEXT,
    evidence BLOB,
    PRIMARY KEY (tenant, statement, purpose)
);
CREATE INDEX consent_events_subject ON consent_events (tenant, subject, purpose, track, at);
CREATE INDEX consent_events_seq ON consent_events (tenant, seq);
CREATE INDEX consent_events_agreement ON consent_events (tenant, agreement, subject);
CREATE INDEX consent_events_expiry ON consent_events (tenant, expires_at);

-- The newest event of each subject, purpose and track: derived, so that it cannot differ from the history.
CREATE VIEW consent_current AS
    SELECT tenant, statement, subject, purpose, track, kind, at, expires_at, agreement, agreement_version
    FROM consent_events e
    WHERE NOT EXISTS (
        SELECT 1 FROM consent_events n
        WHERE n.tenant = e.tenant AND n.subject = e.subject AND n.purpose = e.purpose AND n.track = e.track
            AND (n.at, n.rank, n.statement) > (e.at, e.rank, e.statement)
    );

-- What was done with a subject's data, as jobs report it: the sample of the measurement of consent compliance.
CREATE TABLE processing_events (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    subject BLOB NOT NULL,
    purpose TEXT NOT NULL,
    category TEXT,
    recipient TEXT,
    surface TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX processing_events_at ON processing_events (tenant, at);

-- Legal holds: placed, changed, released; never rewritten.
CREATE TABLE hold_events (
    tenant TEXT NOT NULL,
    hold TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB,
    category TEXT,
    at BIGINT NOT NULL,
    until BIGINT,
    actor TEXT NOT NULL,
    reference TEXT NOT NULL,
    why BLOB,
    PRIMARY KEY (tenant, hold, version)
);

-- Holds in force, with the subject's id, which sweeping has to compare with. Gone when the hold ends.
CREATE TABLE active_holds (
    tenant TEXT NOT NULL,
    hold TEXT NOT NULL,
    subject TEXT,
    category TEXT,
    at BIGINT NOT NULL,
    until BIGINT,
    reference TEXT NOT NULL,
    PRIMARY KEY (tenant, hold)
);
CREATE INDEX active_holds_subject ON active_holds (tenant, subject);

-- Subjects scheduled for deletion. The token, by which a person keeps or deletes their data, is stored as its hash.
CREATE TABLE subject_expiries (
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    token_hash BLOB,
    state TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (tenant, subject)
);
CREATE UNIQUE INDEX subject_expiries_token ON subject_expiries (tenant, token_hash);
CREATE INDEX subject_expiries_due ON subject_expiries (tenant, state, expires_at);

-- History is not rewritten.
CREATE TRIGGER definitions_no_update BEFORE UPDATE ON definitions
    BEGIN SELECT RAISE(ABORT, 'definitions is append-only'); END;
CREATE TRIGGER definitions_no_delete BEFORE DELETE ON definitions
    BEGIN SELECT RAISE(ABORT, 'definitions is append-only'); END;
CREATE TRIGGER consent_events_no_update BEFORE UPDATE ON consent_events
    BEGIN SELECT RAISE(ABORT, 'consent_events is append-only'); END;
CREATE TRIGGER consent_events_no_delete BEFORE DELETE ON consent_events
    BEGIN SELECT RAISE(ABORT, 'consent_events is append-only'); END;
CREATE TRIGGER hold_events_no_update BEFORE UPDATE ON hold_events
    BEGIN SELECT RAISE(ABORT, 'hold_events is append-only'); END;
CREATE TRIGGER hold_events_no_delete BEFORE DELETE ON hold_events
    BEGIN SELECT RAISE(ABORT, 'hold_events is append-only'); END;
