//! Bulk import of records, and bulk reads under a second approval.
