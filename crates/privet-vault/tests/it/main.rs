//! The vault through its public door.
