-- Lineage, erasure, requests of subjects.
SELECT 1;
