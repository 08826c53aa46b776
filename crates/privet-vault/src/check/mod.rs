//! The check of every row, index, edge and leaf.
