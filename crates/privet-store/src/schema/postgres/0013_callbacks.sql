-- How telling others of a step goes: how often it was tried, from when on it may be tried again, and to which of the
-- request's URLs it went (a bit each, by place). `is_told` is 2 once it was given up.
ALTER TABLE subject_request_steps ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subject_request_steps ADD COLUMN next_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE subject_request_steps ADD COLUMN told_urls BIGINT NOT NULL DEFAULT 0;
