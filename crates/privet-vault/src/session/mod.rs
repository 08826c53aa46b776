//! Sessions and shared records: what is lent for a time.
