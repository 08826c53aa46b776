//! What both dialects' writers share.

use bytes::Bytes;

use crate::ask::BadRequest;
use crate::cuts::{Chance, Cuts};
use crate::json::respell;

/// When every reply says it was made: 14 November 2023, 22:13:20 UTC. The provider has no clock.
pub(crate) const CREATED: u64 = 1_700_000_000;

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event:` field, which Anthropic has and OpenAI has not.
    pub(crate) name: Option<&'static str>,
    /// One line of JSON.
    pub(crate) data: String,
    /// Whether it carries a piece of the answer.
    pub(crate) is_delta: bool,
}

/// Why a request fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 400.
    Bad(BadRequest),
    /// 401.
    Key,
    /// 404.
    NoSuchPath { method: String, path: String },
    /// 429.
    TooManyRequests,
    /// 500.
    Broken,
    /// 529 at Anthropic, 503 at OpenAI; also in a stream that has begun.
    Overloaded,
}

/// `events` as bytes, one part for each.
pub(crate) fn sse(events: &[Event], cuts: Cuts, chance: &mut Chance) -> Vec<Bytes> {
    let write = |event: &Event| {
        let end = cuts.line_end(chance);
        let data = respell(&event.data, cuts.escape(chance));
        let name = event
            .name
            .map(|name| format!("event: {name}{end}"))
            .unwrap_or_default();
        Bytes::from(format!("{name}data: {data}{end}{end}"))
    };
    events.iter().map(write).collect()
}
