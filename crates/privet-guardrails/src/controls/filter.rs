//! Replies that are looked at piece by piece.

use privet_types::Budget;

use super::{Action, Error, Hit};

/// What went through a [`Filter`] by now, and what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// What may go on. Take it out whenever you like; filters only append.
    pub text: String,
    /// What was found, in order. At most [`Self::MOST_HITS`]; the first and the gravest are kept.
    pub hits: Vec<Hit>,
}

impl Passed {
    /// Most hits that are kept of one reply.
    pub const MOST_HITS: usize = 256;

    /// The gravest action of all hits.
    #[must_use]
    pub fn action(&self) -> Action {
        self.hits.iter().map(|hit| hit.action).max().unwrap_or_default()
    }

    /// Whether nothing more goes through.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.action().stops()
    }

    pub(crate) fn hit(&mut self, hit: Hit) {
        let is_known = self.hits.len() >= Self::MOST_HITS && hit.action <= self.action();
        if hit.action != Action::Allow && !is_known {
            self.hits.truncate(Self::MOST_HITS);
            self.hits.push(hit);
        }
    }
}

/// A control over a text that comes in pieces.
///
/// What has passed after a text depends on that text alone, never on where it was cut. After an action that stops, a filter lets
/// nothing through any more.
pub trait Filter: Send {
    /// Takes the next piece and appends to `passed` what may go on by now.
    ///
    /// # Errors
    /// [`Error`] if the text could not be looked at; nothing of it may go on then.
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error>;

    /// The text has ended: appends what was held back, if it may go on.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error>;
}

/// Bytes that a [`Chain`] holds back at most, until a word has ended.
const MOST_WORD: usize = 64;

/// Filters one behind the other: each is given what the one before let through.
///
/// They are given the text word by word, wherever it was cut. So all have seen the same of it when one of them stops, and what they find
/// is told in one order: by word, then by filter. Holds back a word, of 64 bytes at most, besides what its filters do.
#[derive(Default)]
pub struct Chain {
    filters: Vec<Box<dyn Filter>>,
    held: String,
    is_stopped: bool,
}

impl Chain {
    /// The chain of these filters.
    #[must_use]
    pub fn new(filters: Vec<Box<dyn Filter>>) -> Self {
        Self {
            filters,
            held: String::new(),
            is_stopped: false,
        }
    }

    /// Takes one word through all filters.
    fn word(&mut self, word: &str, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let mut now = word.to_owned();
        for filter in &mut self.filters {
            let mut next = Passed::default();
            filter.push(&now, &mut next, budget)?;
            if is_end && !next.is_stopped() {
                filter.finish(&mut next, budget)?;
            }
            self.is_stopped |= next.is_stopped();
            next.hits.iter().for_each(|hit| passed.hit(*hit));
            now = next.text;
        }
        passed.text.push_str(&now);
        Ok(())
    }
}

/// Where the first word of `text`, and the blank behind it, ends. None if more of it may come.
fn word_end(text: &str) -> Option<usize> {
    text.char_indices().find_map(|(at, c)| {
        let end = at + c.len_utf8();
        (c.is_whitespace() || end + char::MAX_LEN_UTF8 > MOST_WORD).then_some(end)
    })
}

impl Filter for Chain {
    /// Takes the words of a piece through all filters. When one of them stops, the others still see what came before it, and nothing
    /// after.
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(piece);
        let mut rest = text.as_str();
        while !self.is_stopped
            && let Some((word, behind)) = word_end(rest).and_then(|end| rest.split_at_checked(end))
        {
            self.word(word, false, passed, budget)?;
            rest = behind;
        }
        if !self.is_stopped {
            rest.clone_into(&mut self.held);
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let rest = std::mem::take(&mut self.held);
        if self.is_stopped {
            return Ok(());
        }
        self.word(&rest, true, passed, budget)
    }
}
