//! Replies that are run through a guard as they pass: what may be shown is shown, and a stop keeps the dialect's shape.

mod calls;
mod leaves;
mod stream;
mod watch;
mod whole;

pub use self::stream::StreamGuard;
pub use self::whole::guard_whole;

use crate::json::JsonError;
use crate::sse::EventTooLarge;

/// Whether more may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Pass,
    /// Nothing more of the reply may be shown.
    Stop,
}

/// The guard could not look at it; nothing more of the reply may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the guard could not look at the reply")]
pub struct Unguarded;

/// What looks at a reply.
///
/// What has passed after a text must depend on that text alone, and never on where it was cut.
pub trait ReplyGuard: Send {
    /// Takes the next piece of text number `lane` and appends to `out` what may be shown by now.
    ///
    /// # Errors
    /// [`Unguarded`] if it could not be looked at.
    fn push(&mut self, lane: usize, piece: &str, out: &mut String) -> Result<Verdict, Unguarded>;

    /// That text has ended: appends what was held back.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    fn finish(&mut self, lane: usize, out: &mut String) -> Result<Verdict, Unguarded>;

    /// Judges a whole tool call; `arguments` as JSON text, as far as the model wrote such.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    fn call(&mut self, name: &str, arguments: &str) -> Result<Verdict, Unguarded>;

    /// What the person is told where the reply was stopped.
    fn told(&self) -> String;
}

/// Why a reply cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The reply says it is JSON and is not.
    #[error("the provider's reply cannot be read: {0}")]
    Json(#[from] JsonError),
    /// A stream without ends of events.
    #[error("the provider's stream cannot be read: {0}")]
    Stream(#[from] EventTooLarge),
    /// The guard failed.
    #[error(transparent)]
    Unguarded(#[from] Unguarded),
    /// More texts at once than are followed.
    #[error("the provider's reply holds more texts than can be followed")]
    TooManyTexts,
    /// More text than is kept.
    #[error("the provider's reply holds more text than can be kept")]
    TooLong,
    /// A text went on after its end.
    #[error("a text of the provider's reply went on after its end")]
    AfterEnd,
    /// A tool call that is too large to be looked at before it is let through.
    #[error("a tool call of the provider's reply is too large to be checked")]
    CallTooLarge,
}
