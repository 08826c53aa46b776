//! The command line of Privet: everything people and scripts call.

mod access;
mod audit;
mod cli;
mod demo;
mod fetch;
mod guard;
mod harden;
mod key;
mod keyring;
mod kill;
mod mcp;
mod memory;
mod model;
mod node;
mod open_vault;
mod people;
mod pii;
mod policy;
mod policy_watch;
mod redteam;
mod rim;
mod scan;
mod serve;
mod sign_in;
mod store_status;
mod telemetry;
mod update;
mod vault;
mod watch;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Usage or input error; `clap` uses the same.
const INPUT_ERROR: u8 = 2;
/// Nobody reads the output any more: what shells report for a process that SIGPIPE ended.
const CLOSED_OUTPUT: u8 = 141;

fn main() -> ExitCode {
    harden::process();
    match cli::Cli::parse().command.run() {
        Ok(code) => code,
        Err(error) if rim::is_closed_output(&error) => ExitCode::from(CLOSED_OUTPUT),
        Err(error) => {
            // The chain of causes on one line: errors say what failed, on what, and the way out.
            eprintln!("privet: {error:#}");
            ExitCode::from(INPUT_ERROR)
        }
    }
}
