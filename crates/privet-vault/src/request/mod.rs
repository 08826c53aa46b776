//! Requests of subjects: access, rectification, erasure, restriction, portability, objection.
