//! A guard over the texts of one reply: each text that comes in pieces is a lane, and goes through it in order.

use std::collections::{BTreeMap, BTreeSet};

use super::{GuardError, ReplyGuard, Unguarded, Verdict};

/// Texts followed in one reply.
const MOST_LANES: usize = 1024;
/// Bytes of shown text kept of one reply, where it is repeated later.
const MOST_SHOWN: usize = 8 << 20;
/// Bytes of texts that came as a whole and are remembered, since they may come again.
const MOST_WHOLES: usize = 1 << 20;
/// Longest arguments of one call.
pub(super) const LONGEST_CALL: usize = 1 << 20;
/// Bytes of all calls of one reply, and of all events held back for them.
pub(super) const MOST_CALLS: usize = 4 << 20;

/// Which part of an item a text is: the field that says so, and its value.
pub(super) type Part = Option<(&'static str, u64)>;

/// One text of a reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// OpenAI: the choice, or the item of a response. Anthropic: the content block.
    pub(super) index: u64,
    /// Of an item of a response.
    pub(super) part: Part,
    /// The field, or the kind of its events.
    pub(super) field: String,
}

impl Key {
    pub(super) fn new(index: u64, field: impl Into<String>) -> Self {
        Self {
            index,
            part: None,
            field: field.into(),
        }
    }
}

/// What is known of one text.
#[derive(Debug, Default)]
struct Lane {
    number: usize,
    is_ended: bool,
    has_shown: bool,
    is_changed: bool,
    shown: String,
}

/// Why a reply does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The guard stopped it.
    Stop(Place),
    /// It cannot be shown.
    Failed(GuardError),
}

/// Where a reply was stopped.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// In which text; none if it was no text in pieces.
    pub(super) key: Option<Key>,
    /// What of it may still be shown.
    pub(super) passed: String,
}

impl<E: Into<GuardError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<G: ReplyGuard + ?Sized> ReplyGuard for &mut G {
    fn push(&mut self, lane: usize, piece: &str, out: &mut String) -> Result<Verdict, Unguarded> {
        (**self).push(lane, piece, out)
    }

    fn finish(&mut self, lane: usize, out: &mut String) -> Result<Verdict, Unguarded> {
        (**self).finish(lane, out)
    }

    fn call(&mut self, name: &str, arguments: &str) -> Result<Verdict, Unguarded> {
        (**self).call(name, arguments)
    }

    fn told(&self) -> String {
        (**self).told()
    }
}

/// The guard of one reply.
pub(super) struct Watch<'g> {
    guard: Box<dyn ReplyGuard + 'g>,
    lanes: BTreeMap<Key, Lane>,
    /// Numbers given out to texts.
    numbers: usize,
    /// Whether what was shown is kept.
    keeps_shown: bool,
    kept: usize,
    /// What texts that came as a whole became.
    wholes: BTreeMap<String, String>,
    whole_bytes: usize,
    judged: BTreeSet<(String, String)>,
    call_bytes: usize,
}

impl<'g> Watch<'g> {
    pub(super) fn new(guard: Box<dyn ReplyGuard + 'g>, keeps_shown: bool) -> Self {
        Self {
            guard,
            lanes: BTreeMap::new(),
            numbers: 0,
            keeps_shown,
            kept: 0,
            wholes: BTreeMap::new(),
            whole_bytes: 0,
            judged: BTreeSet::new(),
            call_bytes: 0,
        }
    }

    pub(super) fn told(&self) -> String {
        self.guard.told()
    }

    /// What may be shown by now of a text that goes on with `piece`.
    pub(super) fn piece(&mut self, key: &Key, piece: &str) -> Result<String, Halt> {
        if piece.is_empty() {
            return Ok(String::new());
        }
        if !self.lanes.contains_key(key) {
            if self.lanes.len() >= MOST_LANES {
                return Err(GuardError::TooManyTexts.into());
            }
            let number = self.numbers;
            self.numbers += 1;
            let lane = Lane {
                number,
                ..Lane::default()
            };
            self.lanes.insert(key.clone(), lane);
        }
        let Some(lane) = self.lanes.get_mut(key) else {
            return Ok(String::new());
        };
        if lane.is_ended {
            return Err(GuardError::AfterEnd.into());
        }
        let mut out = String::with_capacity(piece.len() + 16);
        let verdict = self.guard.push(lane.number, piece, &mut out)?;
        lane.is_changed |= out != piece;
        self.shown(key, out, verdict)
    }

    /// What was held back of a text that has ended; nothing of one that never began or has ended before.
    pub(super) fn end(&mut self, key: &Key) -> Result<String, Halt> {
        let Some(lane) = self.lanes.get_mut(key).filter(|lane| !lane.is_ended) else {
            return Ok(String::new());
        };
        lane.is_ended = true;
        let mut out = String::new();
        let verdict = self.guard.finish(lane.number, &mut out)?;
        self.shown(key, out, verdict)
    }

    fn shown(&mut self, key: &Key, out: String, verdict: Verdict) -> Result<String, Halt> {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.has_shown |= !out.is_empty();
            if self.keeps_shown {
                self.kept += out.len();
                lane.shown.push_str(&out);
            }
        }
        if self.kept > MOST_SHOWN {
            return Err(GuardError::TooLong.into());
        }
        match verdict {
            Verdict::Pass => Ok(out),
            Verdict::Stop => Err(Halt::Stop(Place {
                key: Some(key.clone()),
                passed: out,
            })),
        }
    }

    /// The texts that have not ended and that `is_meant` names.
    pub(super) fn open(&self, is_meant: impl Fn(&Key) -> bool) -> Vec<Key> {
        let open = self
            .lanes
            .iter()
            .filter(|(key, lane)| !lane.is_ended && is_meant(key));
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Whether the text has begun.
    pub(super) fn has_begun(&self, key: &Key) -> bool {
        self.lanes.contains_key(key)
    }

    /// Whether anything of the text was shown.
    pub(super) fn has_shown(&self, key: &Key) -> bool {
        self.lanes.get(key).is_some_and(|lane| lane.has_shown)
    }

    /// Whether a piece of the text was not shown just as it came.
    pub(super) fn is_changed(&self, key: &Key) -> bool {
        self.lanes.get(key).is_some_and(|lane| lane.is_changed)
    }

    /// What was shown of the text, where that is kept.
    pub(super) fn shown_of(&self, key: &Key) -> &str {
        self.lanes.get(key).map_or("", |lane| lane.shown.as_str())
    }

    /// Notes that `text` of our own was shown in a text.
    pub(super) fn add_own(&mut self, key: &Key, text: &str) {
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.has_shown = true;
        lane.shown.push_str(text);
    }

    /// What becomes of a text that came as a whole.
    pub(super) fn whole(&mut self, text: &str) -> Result<String, Halt> {
        if text.is_empty() {
            return Ok(String::new());
        }
        if let Some(known) = self.wholes.get(text) {
            return Ok(known.clone());
        }
        let number = self.numbers;
        self.numbers += 1;
        let mut out = String::with_capacity(text.len());
        let mut verdict = self.guard.push(number, text, &mut out)?;
        if verdict == Verdict::Pass {
            verdict = self.guard.finish(number, &mut out)?;
        }
        if verdict == Verdict::Stop {
            return Err(Halt::Stop(Place {
                key: None,
                passed: out,
            }));
        }
        let bytes = text.len() + out.len();
        if self.whole_bytes + bytes <= MOST_WHOLES {
            self.whole_bytes += bytes;
            self.wholes.insert(text.to_owned(), out.clone());
        }
        Ok(out)
    }

    /// Judges a call.
    pub(super) fn call(&mut self, name: &str, arguments: &str) -> Result<(), Halt> {
        self.call_bytes += name.len() + arguments.len();
        if arguments.len() > LONGEST_CALL || self.call_bytes > MOST_CALLS {
            return Err(GuardError::CallTooLarge.into());
        }
        match self.guard.call(name, arguments)? {
            Verdict::Pass => Ok(()),
            Verdict::Stop => Err(Halt::Stop(Place::default())),
        }
    }

    /// Judges a call that is told again later.
    pub(super) fn call_to_repeat(&mut self, name: &str, arguments: &str) -> Result<(), Halt> {
        self.call(name, arguments)?;
        self.judged.insert((name.to_owned(), arguments.to_owned()));
        Ok(())
    }

    /// Judges a call unless this very one has been judged before.
    pub(super) fn repeated_call(&mut self, name: &str, arguments: &str) -> Result<(), Halt> {
        let call = (name.to_owned(), arguments.to_owned());
        if self.judged.contains(&call) {
            return Ok(());
        }
        self.call(name, arguments)?;
        self.judged.insert(call);
        Ok(())
    }
}
