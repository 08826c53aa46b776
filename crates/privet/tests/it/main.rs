//! The workspace as a whole, and the program from outside.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod access;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod at_rest;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod guard;
mod incidents;
mod keyring;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod model;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod pii;
#[cfg(test)]
mod policy_watch;
#[cfg(test)]
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
#[cfg(test)]
mod redteam;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod scan_serve;
#[cfg(test)]
mod update;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod vault;
