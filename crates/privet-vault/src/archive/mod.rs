//! The archive of conversations: encrypted, off by default.
