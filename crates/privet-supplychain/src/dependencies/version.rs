//! Order of versions: PEP 440 for Python, Semantic Versioning 2.0 for the others.

use std::cmp::Ordering;

use super::Ecosystem;

/// Longest version that is taken.
const MAX_VERSION: usize = 256;

/// A version that can be compared with others of its ecosystem.
///
/// ```
/// use privet_supplychain::dependencies::{Ecosystem, Version};
/// let pypi = |text| Version::parse(Ecosystem::PyPi, text).ok_or("not a version");
/// assert!(pypi("1.0rc1")? < pypi("1.0")?);
/// assert!(pypi("1.0.post1")? > pypi("1")?);
/// assert_eq!(pypi("1.0")?, pypi("v1.0.0")?);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone)]
pub struct Version(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Python(Box<Python>),
    Semantic(Semantic),
}

impl Version {
    /// Reads a version as `ecosystem` writes it; `None` if it is not one. A leading `v` is left out, and a SemVer core with
    /// fewer than three numbers is filled up with zeros, as advisories write both.
    #[must_use]
    pub fn parse(ecosystem: Ecosystem, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_VERSION || !text.is_ascii() {
            return None;
        }
        match ecosystem {
            Ecosystem::PyPi | Ecosystem::Conda => {
                Python::parse(text).map(|one| Self(Kind::Python(Box::new(one))))
            }
            Ecosystem::CratesIo | Ecosystem::Npm | Ecosystem::Go => {
                Semantic::parse(text).map(|one| Self(Kind::Semantic(one)))
            }
        }
    }

    /// Without the local part (PEP 440, `+cu118`): the public version that it rebuilds. SemVer ignores its build part anyway.
    #[must_use]
    pub fn into_public(mut self) -> Self {
        if let Kind::Python(python) = &mut self.0 {
            python.local.clear();
        }
        self
    }

    /// Whether it comes before a final release.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        match &self.0 {
            Kind::Python(python) => python.pre.is_some() || python.dev.is_some(),
            Kind::Semantic(semantic) => !semantic.pre.is_empty(),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Kind::Python(one), Kind::Python(two)) => one.order(two),
            (Kind::Semantic(one), Kind::Semantic(two)) => one.order(two),
            // Never met: versions of one ecosystem are compared.
            (Kind::Python(_), Kind::Semantic(_)) => Ordering::Less,
            (Kind::Semantic(_), Kind::Python(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// PEP 440, "Public version identifiers" and "Local version identifiers".
#[derive(Debug, Clone)]
struct Python {
    epoch: u128,
    /// Without zeros at its end.
    release: Vec<u128>,
    /// Letter `a`, `b` or `r` (rc), and number.
    pre: Option<(u8, u128)>,
    post: Option<u128>,
    dev: Option<u128>,
    local: Vec<LocalPart>,
}

/// Letters sort before numbers (PEP 440, local version identifiers).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum LocalPart {
    Letters(String),
    Number(u128),
}

impl Python {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (text, None),
        };
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) => (number(epoch)?, rest),
            None => (0, public),
        };
        let mut rest = Rest(rest);
        let mut release = vec![rest.number()?];
        while rest.is_dot_and_digit() {
            rest.skip(1);
            release.push(rest.number()?);
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        let pre = rest.pre();
        let post = rest.post();
        let dev = rest.tagged(&["dev"]);
        if !rest.0.is_empty() {
            return None;
        }
        let local = match local {
            None => Vec::new(),
            Some(local) => local
                .split(['.', '-', '_'])
                .map(local_part)
                .collect::<Option<Vec<_>>>()?,
        };
        Some(Self {
            epoch,
            release,
            pre,
            post,
            dev,
            local,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| self.release.cmp(&other.release))
            .then_with(|| self.pre_rank().cmp(&other.pre_rank()))
            // None (no post-release) sorts before all post-releases.
            .then_with(|| self.post.cmp(&other.post))
            .then_with(|| dev_rank(self.dev).cmp(&dev_rank(other.dev)))
            .then_with(|| self.local.cmp(&other.local))
    }

    /// `1.dev1` < `1a1` < `1`: a development release of a final one stands before its pre-releases.
    fn pre_rank(&self) -> (u8, u8, u128) {
        match self.pre {
            Some((letter, number)) => (1, letter, number),
            None if self.post.is_none() && self.dev.is_some() => (0, 0, 0),
            None => (2, 0, 0),
        }
    }
}

const fn dev_rank(dev: Option<u128>) -> (u8, u128) {
    match dev {
        Some(number) => (0, number),
        None => (1, 0),
    }
}

fn local_part(text: &str) -> Option<LocalPart> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    Some(number(text).map_or_else(|| LocalPart::Letters(text.to_owned()), LocalPart::Number))
}

fn number(digits: &str) -> Option<u128> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// What is left of a version to read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    fn digits(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    fn number(&mut self) -> Option<u128> {
        let (digits, rest) = self.0.split_at_checked(self.digits())?;
        let value = number(digits)?;
        self.0 = rest;
        Some(value)
    }

    fn is_dot_and_digit(&self) -> bool {
        let mut bytes = self.0.bytes();
        bytes.next() == Some(b'.') && bytes.next().is_some_and(|b| b.is_ascii_digit())
    }

    fn without_separator(&self) -> &str {
        self.0.strip_prefix(['.', '-', '_']).unwrap_or(self.0)
    }

    /// `[-_.]? TAG [-_.]? N?`; a tag without a number counts as 0. Takes nothing if there is no tag.
    fn tagged(&mut self, tags: &[&str]) -> Option<u128> {
        let rest = self.without_separator();
        let tag = tags.iter().find(|tag| rest.starts_with(**tag))?;
        let after = Rest(rest.get(tag.len()..).unwrap_or_default());
        let mut spaced = Rest(after.without_separator());
        // A separator that no digit follows belongs to what comes next: `1.0a.dev1`.
        let (value, left) = if spaced.digits() > 0 {
            (spaced.number()?, spaced.0.len())
        } else {
            (0, after.0.len())
        };
        self.skip(self.0.len() - left);
        Some(value)
    }

    fn pre(&mut self) -> Option<(u8, u128)> {
        // The longer spellings first, for `preview` begins with `pre`. `c` is `rc`.
        for (letter, tags) in [
            (b'a', &["alpha", "a"][..]),
            (b'b', &["beta", "b"]),
            (b'r', &["rc", "c", "preview", "pre"]),
        ] {
            if let Some(value) = self.tagged(tags) {
                return Some((letter, value));
            }
        }
        None
    }

    fn post(&mut self) -> Option<u128> {
        if let Some(digits) = self.0.strip_prefix('-') {
            let mut implicit = Rest(digits);
            if implicit.digits() > 0 {
                let value = implicit.number()?;
                let left = implicit.0.len();
                self.skip(self.0.len() - left);
                return Some(value);
            }
        }
        self.tagged(&["post", "rev", "r"])
    }
}

/// Semantic Versioning 2.0.0, section 11; the build part is left out.
#[derive(Debug, Clone)]
struct Semantic {
    core: [u128; 3],
    pre: Vec<PrePart>,
}

/// Numbers sort before letters (SemVer 11.4.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum PrePart {
    Number(u128),
    Letters(String),
}

impl Semantic {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['=', 'v', 'V']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(text, _build)| text);
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let mut numbers = core.split('.');
        let mut out = [number(numbers.next()?)?, 0, 0];
        for slot in out.iter_mut().skip(1) {
            if let Some(digits) = numbers.next() {
                *slot = number(digits)?;
            }
        }
        if numbers.next().is_some() {
            return None;
        }
        let pre = match pre {
            None => Vec::new(),
            Some(pre) => pre.split('.').map(pre_part).collect::<Option<Vec<_>>>()?,
        };
        Some(Self { core: out, pre })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.core
            .cmp(&other.core)
            // A version without a pre-release part is the release: it comes last.
            .then_with(|| self.pre.is_empty().cmp(&other.pre.is_empty()))
            .then_with(|| self.pre.cmp(&other.pre))
    }
}

fn pre_part(text: &str) -> Option<PrePart> {
    let is_whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_whole.then(|| number(text).map_or_else(|| PrePart::Letters(text.to_owned()), PrePart::Number))
}
