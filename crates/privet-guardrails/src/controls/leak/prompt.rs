//! Passages of the system prompt in a reply.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::readings::{READINGS, squeezed, variants};
use super::watching::{Seen, Sight, Watch, Watching};
use super::window::{Polynomial, Window};
use crate::controls::{Action, Control, Error};

/// Letters and digits of a piece that is compared: about four words.
const PIECE: usize = 24;
/// Letters and digits of a prompt that are remembered: 64 KiB of text.
const MOST_LETTERS: usize = 1 << 16;

/// Leaks of the system prompt (`[guardrails.replies.prompt_leak]`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromptLeakConfig {
    /// What becomes of a reply that reads the prompt out.
    pub action: Action,
    /// Letters and digits in a row that are a leak; 40 to 1,000. 80 are some fifteen words.
    pub run: usize,
    /// The part of the prompt that is a leak, in whatever order; above 0.0, up to 1.0.
    pub share: f64,
}

impl Default for PromptLeakConfig {
    fn default() -> Self {
        Self {
            action: Action::Block,
            run: 80,
            share: 0.5,
        }
    }
}

/// A system prompt as hashes of its pieces. Made once from a prompt, then shared; about 150 bytes for each byte of the prompt.
#[derive(Clone)]
pub struct PromptShadow(Arc<Shadow>);

struct Shadow {
    polynomial: Polynomial,
    /// The place of each piece in the prompt; of one that stands there more than once, the first.
    pieces: HashMap<u64, u32>,
    /// Different pieces, without variants.
    count: usize,
}

impl fmt::Debug for PromptShadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptShadow")
            .field("pieces", &self.0.count)
            .finish_non_exhaustive()
    }
}

impl PromptShadow {
    /// The shadow of `prompt`. What also stands in one of `known`, texts that the reader of the reply has seen or written, is no
    /// secret and is left out. `seed` is secret, so that nobody can write texts that look like the prompt.
    #[must_use]
    pub fn new(prompt: &str, known: &[&str], seed: u64) -> Self {
        let polynomial = Polynomial::new(seed, PIECE);
        let hashes = |letters: &[char]| -> Vec<u64> {
            polynomial.all(letters.iter().map(|c| u64::from(*c))).collect()
        };
        let mut open = HashSet::new();
        for text in known {
            for variant in variants(&squeezed(text)) {
                open.extend(hashes(&variant.letters));
            }
        }
        let mut letters = squeezed(prompt);
        letters.truncate(MOST_LETTERS);
        let (mut pieces, mut count) = (HashMap::new(), 0);
        for (index, variant) in variants(&letters).into_iter().enumerate() {
            let all = hashes(&variant.letters);
            let last = all.len().saturating_sub(1);
            for (at, hash) in all
                .into_iter()
                .enumerate()
                .filter(|(_, hash)| !open.contains(hash))
            {
                // A piece of a variant stands for the place in the prompt that it was made of.
                let place = if variant.is_backwards { last - at } else { at };
                pieces
                    .entry(hash)
                    .or_insert(u32::try_from(place).unwrap_or(u32::MAX));
            }
            if index == 0 {
                count = pieces.len();
            }
        }
        Self(Arc::new(Shadow {
            polynomial,
            pieces,
            count,
        }))
    }

    /// Whether the prompt is long enough to be told from other texts: 60 letters and digits that the reader does not know.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.0.count >= 60 - PIECE
    }

    /// Watches for the prompt in a reply: in any case and spacing, backwards, turned by 13, in base64, hexadecimal digits and percent
    /// escapes, and in two of them one inside the other. A prompt that is not protected is not watched for.
    ///
    /// # Errors
    /// [`Error::Config`] if `run` or `share` is out of range.
    pub fn watch(&self, config: &PromptLeakConfig, watching: &mut Watching) -> Result<(), Error> {
        if !(40..=1000).contains(&config.run) {
            return Err(Error::config(Control::PromptLeak, "run", "use 40 to 1000"));
        }
        if !(config.share > 0.0 && config.share <= 1.0) {
            return Err(Error::config(
                Control::PromptLeak,
                "share",
                "use a number above 0.0, up to 1.0",
            ));
        }
        if self.is_protected() {
            let enough = (config.share * self.0.count as f64).ceil() as usize;
            let watch = WatchedPrompt {
                shadow: Arc::clone(&self.0),
                readings: vec![(Window::default(), 0); READINGS],
                seen: HashSet::new(),
                run: config.run - PIECE + 1,
                enough,
            };
            watching.add(Box::new(watch), config.action);
        }
        Ok(())
    }
}

struct WatchedPrompt {
    shadow: Arc<Shadow>,
    /// The last letters of each reading, and how many pieces in a row were the prompt's.
    readings: Vec<(Window, usize)>,
    /// Places of the prompt that were said.
    seen: HashSet<u32>,
    run: usize,
    enough: usize,
}

impl Watch for WatchedPrompt {
    fn control(&self) -> Control {
        Control::PromptLeak
    }

    fn see(&mut self, seen: Seen) -> Sight {
        let Seen::Read(reading, c) = seen else {
            return Sight::Nothing;
        };
        let Some((window, run)) = self.readings.get_mut(reading) else {
            return Sight::Nothing;
        };
        let Some(hash) = window.push(u64::from(c), self.shadow.polynomial) else {
            return Sight::Nothing;
        };
        let Some(place) = self.shadow.pieces.get(&hash) else {
            *run = 0;
            return Sight::Nothing;
        };
        *run += 1;
        self.seen.insert(*place);
        if *run >= self.run {
            Sight::Found("prompt_leak/run")
        } else if self.seen.len() >= self.enough {
            Sight::Found("prompt_leak/share")
        } else {
            Sight::Near
        }
    }
}
