-- Subjects, records, tokens, sessions.
SELECT 1;
