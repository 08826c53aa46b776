//! Measurements: consent, retention, encryption, minimisation, auditability.

mod wilson;

pub use wilson::wilson;
