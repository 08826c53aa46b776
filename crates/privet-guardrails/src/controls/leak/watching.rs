//! Replies in which something is watched for, with a bounded stretch held back.

use privet_types::{Budget, Span};

use super::readings::Readings;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// Bytes held back while nothing looks like a find.
const TAIL: usize = 64;
/// Bytes held back at most, while a find may be growing.
const MOST_HELD: usize = 2048;
/// Bytes without a sign of a find after which it has come to nothing.
const QUIET: usize = 96;
/// What stands where something was taken out.
const REMOVED: &str = "(removed)";

/// What a watch is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    /// The next character as it stands.
    Plain(char),
    /// The next letter or digit of a reading.
    Read(usize, char),
    /// The text has ended.
    End,
}

/// What a watch says to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Nothing,
    /// A find may be growing.
    Near,
    Found(&'static str),
}

/// Something that is watched for.
pub(super) trait Watch: Send {
    fn control(&self) -> Control;

    /// Whether it wants to be shown [`Seen::Read`].
    fn reads(&self) -> bool {
        true
    }

    fn see(&mut self, seen: Seen) -> Sight;
}

struct Post {
    watch: Box<dyn Watch>,
    action: Action,
    /// Whether the find that is growing was told.
    is_told: bool,
    last_near: Option<usize>,
    /// What was found since the last character.
    found: Option<&'static str>,
}

/// Watches over a reply. Holds back 64 bytes, and up to 2 KiB while a find may be growing; so of what is found little has left, and in
/// the plain form of it nothing that was not said here. With `redact` what is held back goes, till the find has ended.
#[derive(Default)]
pub struct Watching {
    posts: Vec<Post>,
    readings: Readings,
    held: String,
    /// Bytes before `held`, and before what is read next.
    released: usize,
    at: usize,
    is_dropping: bool,
    is_stopped: bool,
}

impl Watching {
    /// Whether nothing is watched for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.posts.is_empty()
    }

    pub(super) fn add(&mut self, watch: Box<dyn Watch>, action: Action) {
        self.posts.push(Post {
            watch,
            action,
            is_told: false,
            last_near: None,
            found: None,
        });
    }

    fn step(&mut self, c: char, passed: &mut Passed) {
        self.at += c.len_utf8();
        self.held.push(c);
        let at = self.at;
        for post in &mut self.posts {
            let sight = post.watch.see(Seen::Plain(c));
            post.weigh(sight, at);
        }
        let (readings, posts) = (&mut self.readings, &mut self.posts);
        if posts.iter().any(|post| post.watch.reads()) {
            readings.push(c, &mut |reading, c| {
                for post in posts.iter_mut().filter(|post| post.watch.reads()) {
                    let sight = post.watch.see(Seen::Read(reading, c));
                    post.weigh(sight, at);
                }
            });
        }
        self.settle(passed);
    }

    /// Tells what was found, and lets go what may.
    fn settle(&mut self, passed: &mut Passed) {
        let (span, at) = (Span::new(self.released, self.at), self.at);
        let mut is_near = false;
        for post in &mut self.posts {
            if let Some(rule) = post.found.take() {
                if !post.is_told {
                    passed.hit(Hit::new(post.watch.control(), rule, span, post.action));
                }
                post.is_told = true;
                self.is_stopped |= post.action.stops();
                self.is_dropping |= post.action == Action::Redact;
            }
            let near = post.last_near.is_some_and(|last| at - last < QUIET);
            post.is_told &= near;
            is_near |= near && post.action >= Action::Redact;
        }
        if self.is_stopped {
            self.held.clear();
            return;
        }
        if self.is_dropping {
            self.held.clear();
            self.released = self.at;
            if !is_near {
                self.is_dropping = false;
                passed.text.push_str(REMOVED);
            }
            return;
        }
        let most = if is_near { MOST_HELD } else { TAIL };
        if self.held.len() > most {
            let mut length = self.held.len() - most;
            while !self.held.is_char_boundary(length) {
                length -= 1;
            }
            self.release(length, passed);
        }
    }

    fn release(&mut self, length: usize, passed: &mut Passed) {
        self.released += length;
        passed.text.extend(self.held.drain(..length));
    }
}

impl Post {
    fn weigh(&mut self, sight: Sight, at: usize) {
        match sight {
            Sight::Nothing => return,
            Sight::Near => {}
            Sight::Found(rule) => self.found = Some(rule),
        }
        self.last_near = Some(at);
    }
}

impl Filter for Watching {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let readers = self.posts.iter().filter(|post| post.watch.reads()).count();
        let units = self.posts.len() + 8 * readers;
        budget.charge((piece.len() * units) as u64)?;
        for c in piece.chars() {
            if self.is_stopped {
                break;
            }
            self.step(c, passed);
        }
        Ok(())
    }

    fn finish(&mut self, passed: &mut Passed, _: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        let at = self.at;
        for post in &mut self.posts {
            let sight = post.watch.see(Seen::End);
            post.weigh(sight, at);
        }
        self.settle(passed);
        if self.is_dropping {
            passed.text.push_str(REMOVED);
        } else if !self.is_stopped {
            let length = self.held.len();
            self.release(length, passed);
        }
        Ok(())
    }
}
