//! Exfiltration channels: what a model writes is shown, and what is shown is fetched. An image, or a link that somebody follows, carries
//! whatever its address holds to whoever owns the host.

mod hosts;
mod look;
mod tag;

use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(in crate::controls) use self::hosts::Hosts;
use self::look::{Look, Looking, is_scheme};
use self::tag::Tags;
use super::{Action, Control, Error, Filter, Hit, Passed};

/// Addresses in replies (`[guardrails.replies.channels]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsConfig {
    /// What becomes of an address off the list: `redact` puts `(link removed)` in its place.
    pub action: Action,
    /// Hosts that may be linked to and shown from: `docs.example.com`, `*.example.com` (not `example.com` itself), and with the
    /// beginning of a path, that ends in `/`, `example.com/public/`. Empty: none.
    pub hosts: Vec<String>,
    /// Whether addresses without a host may stand: they lead to where the reply is shown.
    pub relative: bool,
    /// Schemes besides `http` and `https` that may stand, such as `mailto`. They are not compared with `hosts`.
    pub schemes: Vec<String>,
}

impl Default for ChannelsConfig {
    fn default() -> Self {
        Self {
            action: Action::Redact,
            hosts: Vec::new(),
            relative: true,
            schemes: Vec::new(),
        }
    }
}

/// What stands where an address was.
const REMOVED: &str = "(link removed)";

/// Takes addresses off the allow list out of a reply, in Markdown (inline, by reference, in angle brackets, bare), in HTML attributes and
/// in CSS. Holds back 2 KiB at most: an address, or an attribute's value, until it can be judged.
#[derive(Debug)]
pub struct Channels {
    action: Action,
    hosts: Hosts,
    held: String,
    /// Bytes before `held`.
    at: usize,
    previous: Option<char>,
    run: usize,
    tags: Tags,
    dropping: Option<Dropping>,
    is_stopped: bool,
}

/// What is dropped: everything up to one of these characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dropping {
    /// A bare address.
    Address,
    /// A destination of Markdown's, with so many parentheses open.
    Destination(usize),
    /// A destination in angle brackets, and the bracket that ends it.
    Angle,
    /// Nothing more.
    Nothing,
    /// An attribute's value in these quotes.
    Quoted(char),
    /// An attribute's value without quotes.
    Unquoted,
}

impl Dropping {
    /// What is still dropped behind `c`, if `c` does not end it.
    fn behind(self, c: char) -> Option<Self> {
        match self {
            Self::Address => {
                (!c.is_whitespace() && !matches!(c, '<' | '>' | '"' | '`' | ')' | ']')).then_some(self)
            }
            Self::Destination(open) => match c {
                ')' => Some(Self::Destination(open.checked_sub(1)?)),
                '(' => Some(Self::Destination(open + 1)),
                _ => (!c.is_whitespace()).then_some(self),
            },
            Self::Angle if c == '>' => Some(Self::Nothing),
            Self::Angle => (!matches!(c, '\n' | '\r')).then_some(self),
            Self::Nothing => None,
            Self::Quoted(quote) => (c != quote).then_some(self),
            Self::Unquoted => (!c.is_whitespace() && c != '>').then_some(self),
        }
    }
}

impl Channels {
    /// A filter for one reply.
    ///
    /// # Errors
    /// [`Error::Config`] if an entry of `hosts` or `schemes` is none.
    pub fn new(config: &ChannelsConfig) -> Result<Self, Error> {
        Ok(Self {
            action: config.action,
            hosts: Hosts::new(config)?,
            held: String::new(),
            at: 0,
            previous: None,
            run: 0,
            tags: Tags::default(),
            dropping: None,
            is_stopped: false,
        })
    }

    /// Looks at whole values that something else may take for addresses, such as the arguments of a tool call: addresses anywhere in
    /// one as in a reply, and those that only a whole value is (`javascript:…`, `data:…`, `//host`, `https:host`). Only says what was
    /// found; spans are those of each value.
    ///
    /// # Errors
    /// [`Error::Config`] as [`new`](Self::new), [`Error::Budget`]; no value may be used then.
    pub fn look_at_values<'a>(
        config: &ChannelsConfig,
        values: impl IntoIterator<Item = &'a str>,
        budget: &Budget,
    ) -> Result<Vec<Hit>, Error> {
        let mut channels = Self::new(config)?;
        let mut passed = Passed::default();
        for value in values {
            budget.charge(4 * value.len() as u64)?;
            if let Some(rule) = channels.hosts.refuses_value(value) {
                let hit = Hit::new(Control::Channels, rule, Span::new(0, value.len()), config.action);
                passed.hit(hit);
            } else {
                channels.push(value, &mut passed, budget)?;
                channels.finish(&mut passed, budget)?;
            }
            passed.text.clear();
            channels = Self {
                action: channels.action,
                hosts: channels.hosts,
                held: String::new(),
                at: 0,
                previous: None,
                run: 0,
                tags: Tags::default(),
                dropping: None,
                is_stopped: false,
            };
        }
        Ok(passed.hits)
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        let text = std::mem::take(&mut self.held);
        // An address is looked at again when more of it comes.
        budget.charge(4 * text.len() as u64)?;
        let mut done = 0;
        while let Some(rest) = text
            .get(done..)
            .filter(|rest| !rest.is_empty() && !self.is_stopped)
        {
            let Some(first) = rest.chars().next() else { break };
            if let Some(dropping) = self.dropping {
                self.dropping = dropping.behind(first);
                if self.dropping.is_some() {
                    // The tag goes on behind what is dropped.
                    self.at += first.len_utf8();
                    done += first.len_utf8();
                    continue;
                }
                // What ends it is looked at like any other.
            }
            let looking = Looking {
                hosts: &self.hosts,
                previous: self.previous,
                run: self.run,
                tags: &self.tags,
                rest,
                is_end,
            };
            let length = match looking.look() {
                Look::Unfinished => break,
                Look::Pass => {
                    self.pass(first, passed);
                    first.len_utf8()
                }
                Look::Removed(removal) => {
                    let span = Span::new(self.at, self.at + removal.length);
                    passed.hit(Hit::new(Control::Channels, removal.rule, span, self.action));
                    self.is_stopped = self.action.stops();
                    if self.action < Action::Redact {
                        // It stays, and what follows is looked at as if it had passed.
                        let kept = rest.get(..removal.length).unwrap_or_default();
                        kept.chars().for_each(|c| self.pass(c, passed));
                    } else if !self.is_stopped {
                        removal.text.chars().for_each(|c| self.pass(c, passed));
                        self.dropping = removal.dropping;
                    }
                    removal.length
                }
            };
            self.at += length;
            done += length;
        }
        if let Some(rest) = text.get(done..) {
            self.held.push_str(rest);
        }
        Ok(())
    }

    fn pass(&mut self, c: char, passed: &mut Passed) {
        self.tags.step(c);
        self.previous = Some(c);
        self.run = if is_scheme(c) { self.run + 1 } else { 0 };
        passed.text.push(c);
    }
}

impl Filter for Channels {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        if self.is_stopped {
            return Ok(());
        }
        self.held.push_str(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
