//! What can go wrong.

use std::net::SocketAddr;
use std::time::Duration;

/// Why the demo could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port cannot be listened on.
    #[error("cannot listen on {addr}; choose another port, or 0 for any free one")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Nothing answers at the address.
    #[error("cannot connect to {addr}; is it running?")]
    Connect {
        /// The address asked for.
        addr: SocketAddr,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke in the middle of a request or a reply.
    #[error("the connection broke before the whole reply was read")]
    Broken(#[source] hyper::Error),
    /// The path or a header cannot be put into a request.
    #[error("cannot build the request")]
    Request(#[from] http::Error),
    /// No reply in time.
    #[error("no whole reply from {addr} within {} s", limit.as_secs())]
    Deadline {
        /// Whom was asked.
        addr: SocketAddr,
        /// How long was waited.
        limit: Duration,
    },
    /// The reply is longer than the demo is willing to hold.
    #[error("the reply is longer than {limit} bytes")]
    TooLong {
        /// The most bytes that are held.
        limit: usize,
    },
    /// The reply is an error or has another shape than the dialect says.
    #[error("step {step} of the scripted conversation got status {status}: {message}")]
    Reply {
        /// Which request, from 1.
        step: usize,
        /// The HTTP status.
        status: u16,
        /// The error's message as the reply has it, or what is missing.
        message: String,
    },
}
