//! How much of everything.

/// How much was used, or may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Requests.
    pub requests: u64,
    /// Tokens of prompts and replies.
    pub tokens: u64,
    /// Cost, in thousand-millionths of the currency's unit.
    pub nanos: u64,
}

impl Amount {
    /// Both together; what is too large to be told stays the largest.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
            nanos: self.nanos.saturating_add(other.nanos),
        }
    }

    /// This without `other`, of which it is known to hold at least that much.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            tokens: self.tokens.saturating_sub(other.tokens),
            nanos: self.nanos.saturating_sub(other.nanos),
        }
    }
}
