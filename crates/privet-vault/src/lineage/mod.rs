//! What was made of a subject: the graph that erasure walks.
