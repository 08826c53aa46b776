//! Packages that a reply tells to install, and whether they exist. Models make up names; somebody else registers them.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// The first bytes of a list.
const MAGIC: &[u8; 8] = b"PRVPKG1\n";
/// Bytes before the hashes: magic, ecosystem, count.
const HEAD: usize = 24;
/// Names of a list.
const MOST: u64 = 1 << 26;
/// What stands where a name was.
const REMOVED: &str = "(unknown package)";

/// Packages (`[guardrails.replies.packages]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PackagesConfig {
    /// What becomes of a package that is not in the list of its ecosystem; of an ecosystem without a list nothing is said.
    pub action: Action,
}

impl Default for PackagesConfig {
    fn default() -> Self {
        Self {
            action: Action::Redact,
        }
    }
}

/// Where packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// Python, pypi.org.
    Pypi,
    /// JavaScript, npmjs.com.
    Npm,
    /// Rust, crates.io.
    Crates,
    /// Ruby, rubygems.org.
    Gems,
}

impl Ecosystem {
    const ALL: [Self; 4] = [Self::Pypi, Self::Npm, Self::Crates, Self::Gems];

    /// A name as the registry compares it.
    fn normal(self, name: &str) -> String {
        let lower = name.to_lowercase();
        match self {
            // PEP 503.
            Self::Pypi => lower
                .split(['-', '_', '.'])
                .filter(|p| !p.is_empty())
                .collect::<Vec<_>>()
                .join("-"),
            Self::Crates => lower.replace('_', "-"),
            Self::Npm | Self::Gems => lower,
        }
    }
}

/// The names of one ecosystem as sorted hashes: 8 bytes a name; one made-up name in 10^12 passes for a real one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageList {
    ecosystem: Ecosystem,
    /// INVARIANT: sorted, without doubles.
    hashes: Arc<Vec<u64>>,
}

fn file(problem: &'static str) -> Error {
    Error::File {
        control: Control::Packages,
        problem,
    }
}

impl PackageList {
    /// The list of `names`, one a line; empty lines and those that begin with `#` count for nothing.
    ///
    /// # Errors
    /// [`Error::File`] if there are more than 67 million.
    pub fn new(ecosystem: Ecosystem, names: &str) -> Result<Self, Error> {
        let lines = names
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut hashes: Vec<u64> = lines.map(|name| hash(&ecosystem.normal(name))).collect();
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.len() as u64 > MOST {
            return Err(file("it has more than 67 million names"));
        }
        Ok(Self {
            ecosystem,
            hashes: Arc::new(hashes),
        })
    }

    /// The list as a file: magic, ecosystem and count (u64), hashes in order (u64); integers little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let place = Ecosystem::ALL
            .iter()
            .position(|e| *e == self.ecosystem)
            .unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(place as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.hashes.len() as u64).to_le_bytes());
        for hash in self.hashes.iter() {
            bytes.extend_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// The list in a file.
    ///
    /// # Errors
    /// [`Error::File`] if it is none, or damaged.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.get(..8) != Some(MAGIC) {
            return Err(file("it is no list of packages"));
        }
        let damaged = || file("it is damaged: make it anew from the names");
        let number = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|b| b.first_chunk())
                .map(|b| u64::from_le_bytes(*b))
        };
        let (place, count) = number(8).zip(number(16)).ok_or_else(damaged)?;
        let ecosystem = usize::try_from(place)
            .ok()
            .and_then(|at| Ecosystem::ALL.get(at))
            .ok_or_else(damaged)?;
        let body = bytes.get(HEAD..).ok_or_else(damaged)?;
        let (chunks, rest) = body.as_chunks::<8>();
        if !rest.is_empty() || chunks.len() as u64 != count {
            return Err(damaged());
        }
        let hashes: Vec<u64> = chunks.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(damaged());
        }
        Ok(Self {
            ecosystem: *ecosystem,
            hashes: Arc::new(hashes),
        })
    }

    fn holds(&self, name: &str) -> bool {
        self.hashes
            .binary_search(&hash(&self.ecosystem.normal(name)))
            .is_ok()
    }
}

/// FNV-1a, spread over all bits.
fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ hash >> 32
}

/// Looks for commands that install packages. Holds back a line.
#[derive(Debug)]
pub struct PackageFilter {
    action: Action,
    lists: BTreeMap<Ecosystem, PackageList>,
    lines: Lines,
    at: usize,
    is_stopped: bool,
}

/// Words that install what follows.
const COMMANDS: &[(&[&str], Ecosystem)] = &[
    (&["pip", "install"], Ecosystem::Pypi),
    (&["pip3", "install"], Ecosystem::Pypi),
    (&["pipx", "install"], Ecosystem::Pypi),
    (&["pipx", "run"], Ecosystem::Pypi),
    (&["uv", "add"], Ecosystem::Pypi),
    (&["uvx"], Ecosystem::Pypi),
    (&["poetry", "add"], Ecosystem::Pypi),
    (&["pipenv", "install"], Ecosystem::Pypi),
    (&["npm", "install"], Ecosystem::Npm),
    (&["npm", "i"], Ecosystem::Npm),
    (&["npm", "add"], Ecosystem::Npm),
    (&["npx"], Ecosystem::Npm),
    (&["yarn", "add"], Ecosystem::Npm),
    (&["pnpm", "add"], Ecosystem::Npm),
    (&["pnpm", "install"], Ecosystem::Npm),
    (&["pnpm", "dlx"], Ecosystem::Npm),
    (&["bun", "add"], Ecosystem::Npm),
    (&["bunx"], Ecosystem::Npm),
    (&["cargo", "add"], Ecosystem::Crates),
    (&["cargo", "install"], Ecosystem::Crates),
    (&["gem", "install"], Ecosystem::Gems),
    (&["bundle", "add"], Ecosystem::Gems),
];

/// What may stand before a command.
const BEFORE: &[&str] = &[
    "$", ">", "#", "%", "!", "sudo", "python", "python3", "py", "-m", "RUN", "run:", "-",
];

/// Options with a value of their own, which names no package.
const WITH_VALUE: &[&str] = &[
    "-r",
    "--requirement",
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--registry",
    "--version",
    "-v",
    "--features",
    "-F",
    "--git",
    "--branch",
    "--tag",
    "--rev",
    "--path",
    "--root",
    "--vers",
    "--group",
    "-G",
    "-w",
    "--workspace",
];

impl PackageFilter {
    /// A filter for one reply.
    #[must_use]
    pub fn new(config: &PackagesConfig, lists: &[PackageList]) -> Self {
        Self {
            action: config.action,
            lists: lists.iter().map(|list| (list.ecosystem, list.clone())).collect(),
            lines: Lines::default(),
            at: 0,
            is_stopped: false,
        }
    }

    fn line(&mut self, line: &str, passed: &mut Passed) {
        let mut done = 0;
        for span in unknown(line, &self.lists) {
            let whole = Span::new(self.at + span.start, self.at + span.end);
            passed.hit(Hit::new(
                Control::Packages,
                "packages/unknown",
                whole,
                self.action,
            ));
            if self.action >= Action::Redact {
                passed
                    .text
                    .push_str(line.get(done..span.start).unwrap_or_default());
                done = span.end;
            }
            if self.action.stops() {
                self.is_stopped = true;
                return;
            }
            if self.action == Action::Redact {
                passed.text.push_str(REMOVED);
            }
        }
        passed.text.push_str(line.get(done..).unwrap_or_default());
        self.at += line.len();
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(line) = self.lines.next(is_end)
        {
            budget.charge(8 * line.len() as u64)?;
            self.line(&line, passed);
        }
        Ok(())
    }
}

/// Names in commands of `line` that are in no list.
fn unknown(line: &str, lists: &BTreeMap<Ecosystem, PackageList>) -> Vec<Span> {
    let words = words(line);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let rest = words.get(at..).unwrap_or_default();
        let begins = |command: &[&str]| {
            command.len() <= rest.len() && command.iter().zip(rest).all(|(a, (_, b))| a == b)
        };
        let Some((command, ecosystem)) = COMMANDS.iter().find(|(command, _)| begins(command)) else {
            at += 1;
            continue;
        };
        // Words behind the first name are names only where the line is a command, and no sentence.
        let is_command = words.iter().take(at).all(|(_, word)| BEFORE.contains(word));
        at += command.len();
        let is_one = command.len() == 1 || command.contains(&"dlx") || command.contains(&"run");
        let mut skips = false;
        while let Some((span, word)) = words.get(at) {
            at += 1;
            if std::mem::take(&mut skips) {
                continue;
            }
            if word.starts_with('-') {
                skips = WITH_VALUE.contains(word);
                continue;
            }
            let Some(name) = name_of(word, *ecosystem) else {
                // The command has ended: `&&`, a sentence that goes on.
                break;
            };
            if lists.get(ecosystem).is_some_and(|list| !list.holds(name)) {
                found.push(Span::new(span.start, span.start + name.len()));
            }
            if is_one || !is_command || ends_command(line, *span) {
                break;
            }
        }
    }
    found
}

/// Whether the command ends behind this word: at a quotation mark, a full stop or the like.
fn ends_command(line: &str, span: Span) -> bool {
    let behind = line.get(span.end..).unwrap_or_default();
    !behind.starts_with([' ', '\t', '\n', '\r']) || behind.trim().is_empty()
}

/// Runs of what is neither blank nor a sign that surrounds commands.
fn words(line: &str) -> Vec<(Span, &str)> {
    let is_around =
        |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')' | ',' | ';' | '“' | '”');
    let mut all = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (is_around(c), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                all.push((Span::new(from, at), line.get(from..at).unwrap_or_default()));
                start = None;
            }
            _ => {}
        }
    }
    all
}

/// The name of a package in a word, without version and extras. None if the word is a path, an address or no name.
fn name_of(word: &str, ecosystem: Ecosystem) -> Option<&str> {
    let word = word.trim_end_matches(['.', ':', '!', '?']);
    if word.contains("://")
        || word.starts_with(['.', '/', '~', '$', '<', '&', '|', '>'])
        || word.starts_with("git+")
    {
        return None;
    }
    let is_scoped = ecosystem == Ecosystem::Npm && word.starts_with('@');
    let from = usize::from(is_scoped);
    let ends: &[char] = match ecosystem {
        Ecosystem::Pypi => &['=', '<', '>', '~', '!', '[', '@', ';'],
        Ecosystem::Npm | Ecosystem::Crates => &['@', '='],
        Ecosystem::Gems => &[':'],
    };
    let end = word.get(from..)?.find(ends).map_or(word.len(), |at| from + at);
    let name = word.get(..end)?;
    let is_part = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') || (is_scoped && matches!(c, '@' | '/'))
    };
    (!name.is_empty() && name.chars().all(is_part)).then_some(name)
}

impl Filter for PackageFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.lines.push(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
