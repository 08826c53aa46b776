//! Measures Privet from outside, for anyone who wants to know what it costs:
//!
//! ```text
//! cargo build --release
//! cargo run --release -p privet-bench
//! ```
//!
//! Starts a mock provider and `privet serve` as processes of their own on 127.0.0.1, sends requests over keep-alive
//! connections as fast as they are answered, checks every reply, and prints requests per second, latencies and the CPU time
//! the gateway took for each. `docs/benchmarks.md` says what the figures mean. It does not build Privet. Other
//! gateways are measured in the same run by `bench/peers/gateways.sh`.

mod args;
mod body;
mod error;
mod facts;
mod gate;
mod goals;
mod load;
mod matrix;
mod mock;
mod peers;
mod process;
mod proxy;
mod report;
mod run;
mod soak;
mod values;

use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::args::Command;
use crate::error::Error;

/// A reply was wrong, or something private got out.
const WRONG: u8 = 1;
/// Usage or input error.
const INPUT_ERROR: u8 = 2;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            eprintln!("privet-bench: {text}");
            ExitCode::from(if matches!(error, Error::Wrong { .. }) {
                WRONG
            } else {
                INPUT_ERROR
            })
        }
    }
}

fn start() -> Result<(), Error> {
    let command = args::parse(std::env::args().skip(1))?;
    // The proxy gets the runtime that Privet has; mock and load generator one core each.
    let mut runtime = match command {
        Command::Proxy { .. } => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(Error::io("cannot start"))?;
    match command {
        Command::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Command::Mock => runtime.block_on(mock::run()),
        Command::Proxy { to } => runtime.block_on(proxy::run(to)),
        Command::Run(options) => runtime.block_on(run::run(&options)),
        Command::Gate(options) => runtime.block_on(gate::run(&options)),
        Command::Soak(options) => runtime.block_on(soak::run(&options)),
    }
}
