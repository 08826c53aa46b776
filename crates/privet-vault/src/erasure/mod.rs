//! Erasure of a subject, and its signed receipt.
