//! A demo provider that speaks the OpenAI dialects (chat completions, responses, embeddings) and the Anthropic one, and what is needed to show a gateway at work with it.
//!
//! At `/mcp` it is a small server of tools (Model Context Protocol), too.
//!
//! For `privet demo`, for the tests of the gateway and of the official clients, and as a target that does what it is told. It
//! holds:
//! - [`Provider`]: answers all of them on 127.0.0.1, cuts its streams at the worst places, records what it was sent;
//! - [`Front`]: a proxy before the gateway that shows what a client sent and got back;
//! - [`columns`]: the three views side by side on a terminal;
//! - [`script`]: a fixed conversation full of private values, and the check that none got out and all came back;
//! - [`client`]: the HTTP client that the script uses.
//!
//! The model behind the provider knows nothing: it quotes what it was told and calls a tool when asked. A part of the model's
//! name after `demo-` chooses how it behaves, in every dialect (`demo-echo`, `claude-demo-echo`): `echo` quotes only; `shout` and
//! `whisper` change case; `markdown` escapes underscores; `link` puts a value into URLs; `json` answers in JSON; `thinking`
//! thinks aloud first (not in chat completions); `slow` waits between frames; `cut` breaks off inside a value; `blind` refuses images;
//! `error-429`, `error-500` and `error-stream` fail; `weak` obeys whatever orders stand anywhere in its input, the target of
//! `privet redteam run --weak` (a sink may follow its name: `demo-weak-sql`). It counts no real tokens, keeps no limits such as `max_tokens`, and tells
//! the same time always.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use privet_demo::client::Client;
//! use privet_demo::{Provider, ProviderConfig};
//! let provider = Provider::start(ProviderConfig::default()).await?;
//! let ask = r#"{"model":"demo-echo","messages":[{"role":"user","content":"Grüße"}]}"#;
//! let reply = Client::new(provider.addr(), None).post("/v1/chat/completions", ask).await?;
//! assert_eq!(reply.status, 200);
//! assert_eq!(provider.recordings()[0].body, ask);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anthropic;
mod ask;
mod body;
pub mod client;
pub mod columns;
mod cuts;
mod embeddings;
mod error;
mod front;
mod json;
mod listener;
mod mcp;
mod model;
mod openai;
mod provider;
mod responses;
mod route;
pub mod script;
mod sse;
mod tools;
mod values;
mod weak;
mod wire;

pub use cuts::Cuts;
pub use error::Error;
pub use front::{Exchange, Front};
pub use provider::{Provider, ProviderConfig, Recording};
