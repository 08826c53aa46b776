-- Requests of subjects, the archive of conversations, and the maps of stateful calls. Sealed is what people wrote; clear are
-- ids, times, states, keyed hashes.

-- Requests of subjects. `body` holds states, times, pseudonyms and keyed hashes; `sealed` what was asked for, under the
-- subject's key. `mark` is a keyed hash of the row, so that nobody edits a state or a deadline unseen.
CREATE TABLE subject_requests (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
    subject TEXT,
    received_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    sealed BYTEA,
    receipt TEXT,
    mark BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX subject_requests_due ON subject_requests (tenant, status, due_at);
CREATE INDEX subject_requests_subject ON subject_requests (tenant, subject);

-- What happened to a request, step by step. `is_told`: NULL where nobody wants to be told, 0 until they were.
CREATE TABLE subject_request_steps (
    tenant TEXT NOT NULL,
    request TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    step TEXT NOT NULL,
    status TEXT NOT NULL,
    principal TEXT NOT NULL,
    is_told BIGINT,
    PRIMARY KEY (tenant, request, seq)
);
CREATE INDEX subject_request_steps_told ON subject_request_steps (tenant, is_told, at);

-- Archived prompts and replies, in partitions of a day. One of a subject is sealed under the subject's key, any other
-- under the key of its day.
CREATE TABLE archive_entries (
    tenant TEXT NOT NULL,
    day BIGINT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT,
    key_id BYTEA NOT NULL,
    surface TEXT NOT NULL,
    purpose TEXT,
    at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, day, id)
);
CREATE INDEX archive_entries_subject ON archive_entries (tenant, subject, day, id);

-- Blind index of whole words, where it is on. Its keys differ by day.
CREATE TABLE archive_words (
    tenant TEXT NOT NULL,
    day BIGINT NOT NULL,
    word BYTEA NOT NULL,
    id TEXT NOT NULL,
    subject TEXT,
    PRIMARY KEY (tenant, day, word, id)
);
CREATE INDEX archive_words_subject ON archive_words (tenant, subject);

-- Stand-ins of stateful calls, which a later call names by the id of a reply. `id` is a keyed hash of that; `day` is the day
-- it ends on.
CREATE TABLE reply_maps (
    tenant TEXT NOT NULL,
    id BYTEA NOT NULL,
    day BIGINT NOT NULL,
    subject TEXT,
    key_id BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX reply_maps_day ON reply_maps (tenant, day);
CREATE INDEX reply_maps_subject ON reply_maps (tenant, subject);

-- The keys of days: of archived conversations and of maps that have no subject.
CREATE TABLE day_keys (
    tenant TEXT NOT NULL,
    purpose TEXT NOT NULL,
    day BIGINT NOT NULL,
    key_id BYTEA NOT NULL,
    PRIMARY KEY (tenant, purpose, day)
);

ALTER TABLE subject_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_requests_tenant ON subject_requests USING (may_see(tenant));
ALTER TABLE subject_request_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_request_steps FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_request_steps_tenant ON subject_request_steps USING (may_see(tenant));
ALTER TABLE archive_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE archive_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY archive_entries_tenant ON archive_entries USING (may_see(tenant));
ALTER TABLE archive_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE archive_words FORCE ROW LEVEL SECURITY;
CREATE POLICY archive_words_tenant ON archive_words USING (may_see(tenant));
ALTER TABLE reply_maps ENABLE ROW LEVEL SECURITY;
ALTER TABLE reply_maps FORCE ROW LEVEL SECURITY;
CREATE POLICY reply_maps_tenant ON reply_maps USING (may_see(tenant));
ALTER TABLE day_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE day_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY day_keys_tenant ON day_keys USING (may_see(tenant));
