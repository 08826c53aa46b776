//! Subjects and their records: tokens, blind indexes, versions, application data.
