-- Consent, purposes, retention.
SELECT 1;
