//! The provider, the front and the script over real sockets.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod anthropic;
#[cfg(test)]
mod front;
#[cfg(test)]
mod local;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod script;
