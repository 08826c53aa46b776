//! Measurements: consent, retention, encryption, minimisation, auditability.
