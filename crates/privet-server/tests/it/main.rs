//! The gateway over real sockets, between a client and a provider that both show every byte.

// Without `cfg(test)` the lints would not take the helpers for tests.
#[cfg(test)]
mod access;
#[cfg(test)]
mod admin;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod bedrock;
#[cfg(test)]
mod coaching;
#[cfg(test)]
mod complaints;
#[cfg(test)]
mod confusion;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod console;
#[cfg(test)]
mod databunker;
#[cfg(test)]
mod fail_closed;
#[cfg(test)]
mod guard_controls;
#[cfg(test)]
mod guard_models;
#[cfg(test)]
mod guardrails;
mod headers;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod limits;
mod live;
#[cfg(test)]
mod masking;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod outages;
#[cfg(test)]
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
#[cfg(test)]
mod presidio;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod protect;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod same;
#[cfg(test)]
mod sensitive;
#[cfg(test)]
mod shared_limits;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod training;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod watch;
