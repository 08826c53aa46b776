-- What the log calls a row: half the SHA-256 of what is sealed in it, of a token of one's own half its first mark. Rows from
-- before have none. Who deletes a row tells the log its name; the check notices where nobody did.
ALTER TABLE archive_entries ADD COLUMN name_in_log BLOB;
ALTER TABLE own_tokens ADD COLUMN name_in_log BLOB;
ALTER TABLE proposals ADD COLUMN name_in_log BLOB;
ALTER TABLE reply_maps ADD COLUMN name_in_log BLOB;
ALTER TABLE subject_app_versions ADD COLUMN name_in_log BLOB;
ALTER TABLE subject_apps ADD COLUMN name_in_log BLOB;
ALTER TABLE subject_sessions ADD COLUMN name_in_log BLOB;
ALTER TABLE subject_shares ADD COLUMN name_in_log BLOB;
ALTER TABLE vault_tokens ADD COLUMN name_in_log BLOB;
-- For what one conversation is found by, when that is made anew or checked.
CREATE INDEX archive_words_conversation ON archive_words (tenant, day, id);
