//! The watch through the public door.

#![cfg(test)]

mod alerts;
mod callers;
mod incidents;
mod models;
mod scenarios;
mod statistics;
