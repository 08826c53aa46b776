//! Tests of the crate through its public door.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod detect;
#[cfg(test)]
mod harm;
#[cfg(test)]
mod quality;
#[cfg(test)]
mod second;
#[cfg(test)]
mod stream;
