//! Tokens that stand for single values.
