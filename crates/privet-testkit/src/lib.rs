//! What tests of the whole gateway share: a clock that stands, a gateway on a port of its own in a folder of its own, a
//! provider that answers with any bytes at all, and a client that reads replies piece by piece.
//!
//! For tests only: everything here panics where a test could not go on, and waits [`PATIENCE`] at most. It does not
//! judge; what is right is up to the tests.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use privet_testkit::TestGateway;
//! let gateway = TestGateway::builder().start().await;
//! let ask = r#"{"model":"demo-echo","messages":[{"role":"user","content":"I am ada@example.com"}]}"#;
//! let reply = gateway.post("/v1/chat/completions", ask).send().await;
//! assert!(reply.text().contains("ada@example.com"));
//! assert!(!gateway.seen_text().contains("ada@example.com"));
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

mod acme;
mod ask;
mod authority;
mod aws;
mod callers;
mod clock;
mod faulty_wire;
mod gateway;
mod guard;
mod home;
mod issuer;
mod load;
mod raw_provider;
mod secrets;
mod settings;
mod tls_front;
mod valkey;
mod vault;
mod wire;

pub use acme::TestAcme;
pub use ask::{Ask, Open, Reply};
pub use authority::{Authority, Identity};
pub use aws::aws_message;
pub use clock::FakeClock;
pub use faulty_wire::{Fault, FaultyWire};
pub use gateway::{ALERT_SECRET, Builder, LOGIN_SECRET, Stopped, TestGateway};
pub use home::Home;
pub use issuer::{TestIssuer, TokenKey, unsigned};
pub use load::{Answered, Load};
pub use privet_demo as demo;
pub use raw_provider::{Answer, RawProvider, chunk, json_reply, sse_head};
pub use secrets::EXTERNAL_ACCOUNT_KEY;
pub use tls_front::TlsFront;
pub use valkey::Valkey;
pub use wire::PATIENCE;
