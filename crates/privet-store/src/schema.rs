//! The schema of the store.

use crate::sql::Schema;

/// The store: API keys, audit events, the log.
pub(crate) const STORE: Schema = Schema {
    name: "store",
    sqlite: &[
        include_str!("schema/sqlite/0001_keys_and_audit.sql"),
        include_str!("schema/sqlite/0002_log.sql"),
        include_str!("schema/sqlite/0003_unnumbered_changes.sql"),
        include_str!("schema/sqlite/0004_subjects.sql"),
        include_str!("schema/sqlite/0005_consent.sql"),
        include_str!("schema/sqlite/0006_lineage.sql"),
        include_str!("schema/sqlite/0007_scopes.sql"),
        include_str!("schema/sqlite/0008_requests.sql"),
        include_str!("schema/sqlite/0009_lifetimes.sql"),
        include_str!("schema/sqlite/0010_values_and_calls.sql"),
        include_str!("schema/sqlite/0011_proposals.sql"),
        include_str!("schema/sqlite/0012_log_keys.sql"),
        include_str!("schema/sqlite/0013_callbacks.sql"),
        include_str!("schema/sqlite/0014_request_tries.sql"),
        include_str!("schema/sqlite/0015_events_of_subjects.sql"),
        include_str!("schema/sqlite/0016_events_of_people.sql"),
        include_str!("schema/sqlite/0017_names_in_log.sql"),
        include_str!("schema/sqlite/0020_limit_counters.sql"),
    ],
    postgres: &[
        include_str!("schema/postgres/0001_keys_and_audit.sql"),
        include_str!("schema/postgres/0002_log.sql"),
        include_str!("schema/postgres/0003_unnumbered_changes.sql"),
        include_str!("schema/postgres/0004_subjects.sql"),
        include_str!("schema/postgres/0005_consent.sql"),
        include_str!("schema/postgres/0006_lineage.sql"),
        include_str!("schema/postgres/0007_scopes.sql"),
        include_str!("schema/postgres/0008_requests.sql"),
        include_str!("schema/postgres/0009_lifetimes.sql"),
        include_str!("schema/postgres/0010_values_and_calls.sql"),
        include_str!("schema/postgres/0011_proposals.sql"),
        include_str!("schema/postgres/0012_log_keys.sql"),
        include_str!("schema/postgres/0013_callbacks.sql"),
        include_str!("schema/postgres/0014_request_tries.sql"),
        include_str!("schema/postgres/0015_events_of_subjects.sql"),
        include_str!("schema/postgres/0016_events_of_people.sql"),
        include_str!("schema/postgres/0017_names_in_log.sql"),
        include_str!("schema/postgres/0020_limit_counters.sql"),
    ],
    seeded: &["changes", "log_head"],
};
