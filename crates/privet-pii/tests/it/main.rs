//! Tests of detection through the public door.

mod detection;
mod disjoint;
mod work;
