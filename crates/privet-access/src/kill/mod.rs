//! Kill switches: setting and lifting them, and what is asked of them for each request.

mod board;
mod in_force;
mod local;
mod manage;

pub(crate) use board::Board;
pub use in_force::{Cut, Switches};
pub use local::{LocalError, LocalSwitches};
pub use manage::{KillOrder, KillSwitches};

/// The name under which the command line sets switches.
pub const COMMAND_LINE: &str = "command line";
