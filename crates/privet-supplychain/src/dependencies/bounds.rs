//! What a requirement says about versions, in the notation of each tool.

use super::{Ecosystem, Pinned, Version};

/// Who wrote a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// PEP 440, "Version specifiers".
    Pip,
    /// Poetry and Pipenv: PEP 440, carets, tildes and bare versions.
    Poetry,
    /// Conda's match specifications: `=` is a prefix, `==` exact.
    Conda,
    /// Cargo: a bare version is a caret requirement.
    Cargo,
    /// npm's ranges.
    Npm,
}

/// The exact version or the lowest one that a requirement allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) exact: Option<String>,
    pub(super) lowest: Option<String>,
    /// Something is said, if only what it must not be.
    is_bounded: bool,
}

impl Bounds {
    pub(super) const fn pinned(&self) -> Pinned {
        if self.exact.is_some() {
            Pinned::Exact
        } else if self.is_bounded {
            Pinned::Range
        } else {
            Pinned::Open
        }
    }
}

/// Longest first, so that `==` is not read as `=`.
const OPERATORS: [&str; 12] = ["===", "==", "~=", "~>", "!=", ">=", "<=", "^", "~", "=", ">", "<"];

impl Notation {
    const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::Pip | Self::Poetry | Self::Conda => Ecosystem::PyPi,
            Self::Cargo => Ecosystem::CratesIo,
            Self::Npm => Ecosystem::Npm,
        }
    }

    /// What `text` says. What cannot be read bounds nothing: it is then unpinned, never taken for a pin.
    pub(super) fn bounds(self, text: &str) -> Bounds {
        let mut alternatives = text.split('|').map(str::trim);
        let single = !text.contains('|');
        if single {
            return self.clauses(text);
        }
        // `a || b`: the lowest of all, if each has one.
        let mut lowest: Option<(Version, String)> = None;
        let mut is_known = true;
        for alternative in alternatives.by_ref().filter(|one| !one.is_empty()) {
            let bounds = self.clauses(alternative);
            let low = bounds
                .exact
                .or(bounds.lowest)
                .and_then(|text| Version::parse(self.ecosystem(), &text).map(|version| (version, text)));
            match low {
                None => is_known = false,
                Some(low) if lowest.as_ref().is_none_or(|(at, _)| low.0 < *at) => lowest = Some(low),
                Some(_) => {}
            }
        }
        Bounds {
            exact: None,
            lowest: lowest.filter(|_| is_known).map(|(_, text)| text),
            is_bounded: true,
        }
    }

    fn clauses(self, text: &str) -> Bounds {
        if self == Self::Npm
            && let Some((low, _high)) = text.split_once(" - ")
        {
            return Bounds {
                exact: None,
                lowest: Some(low.trim().to_owned()),
                is_bounded: true,
            };
        }
        let mut out = Bounds::default();
        let mut highest_low: Option<Version> = None;
        for (operator, version) in self.split(text) {
            let bounds = self.clause(operator, version);
            out.is_bounded |= bounds.is_bounded;
            if bounds.exact.is_some() {
                out.exact = bounds.exact;
            }
            // Of several lower bounds the highest holds.
            if let Some(low) = bounds.lowest
                && let Some(parsed) = Version::parse(self.ecosystem(), &low)
                && highest_low.as_ref().is_none_or(|at| *at < parsed)
            {
                highest_low = Some(parsed);
                out.lowest = Some(low);
            }
        }
        if out.exact.is_some() {
            out.lowest = None;
        }
        out
    }

    /// Operator and version of each clause; npm separates clauses by blanks, and allows them behind an operator.
    fn split(self, text: &str) -> Vec<(&'static str, &str)> {
        let mut out = Vec::new();
        for part in text.split(',') {
            let mut rest = part.trim();
            while !rest.is_empty() && out.len() < 64 {
                let operator = OPERATORS
                    .into_iter()
                    .find(|operator| rest.starts_with(operator))
                    .unwrap_or_default();
                rest = rest.get(operator.len()..).unwrap_or_default().trim_start();
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '!' | '~' | '^'))
                    // An epoch (`1!2.0`) is no operator.
                    .filter(|at| !rest.get(*at..).is_some_and(is_epoch))
                    .unwrap_or(rest.len());
                let (version, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                if operator.is_empty() && version.is_empty() {
                    break;
                }
                out.push((operator, version));
                rest = after.trim_start();
            }
        }
        out
    }

    fn clause(self, operator: &str, version: &str) -> Bounds {
        let stem = stem(version);
        let is_whole = stem == version;
        if stem.is_empty() {
            return Bounds {
                is_bounded: !operator.is_empty() && !matches!(version, "" | "*" | "x" | "X"),
                ..Bounds::default()
            };
        }
        // What is neither version nor prefix of one (`latest`, a variable) says nothing.
        let Some(_) = Version::parse(self.ecosystem(), stem) else {
            return Bounds {
                exact: (operator == "===").then(|| stem.to_owned()),
                is_bounded: operator == "===" || !operator.is_empty(),
                ..Bounds::default()
            };
        };
        let is_full = stem
            .split(['-', '+'])
            .next()
            .is_some_and(|core| core.split('.').count() >= 3);
        let is_exact = is_whole
            && match (self, operator) {
                (Self::Pip | Self::Poetry, "==" | "===") | (Self::Conda, "==" | "===" | "") => true,
                (Self::Poetry, "=" | "") => true,
                (Self::Cargo, "=") => is_full,
                (Self::Npm, "=" | "") => is_full,
                _ => false,
            };
        let is_low = match operator {
            "<" | "<=" | "!=" | ">" => false,
            // Not PEP 440, so pip refuses it.
            "" => self != Self::Pip,
            _ => true,
        };
        let stem = stem.trim_start_matches(['v', 'V']).to_owned();
        Bounds {
            exact: is_exact.then(|| stem.clone()),
            lowest: (is_low && !is_exact).then_some(stem),
            is_bounded: true,
        }
    }
}

fn is_epoch(rest: &str) -> bool {
    rest.strip_prefix('!')
        .is_some_and(|after| !after.starts_with('='))
}

/// `version` without wildcards at its end: `1.2.*` is `1.2`.
fn stem(version: &str) -> &str {
    let mut out = version;
    loop {
        let shorter = out
            .strip_suffix(".*")
            .or_else(|| out.strip_suffix(".x"))
            .or_else(|| out.strip_suffix(".X"));
        match shorter {
            Some(shorter) => out = shorter,
            None if matches!(out, "*" | "x" | "X") => return "",
            // Conda writes `1.2*` as well.
            None => return out.strip_suffix('*').unwrap_or(out),
        }
    }
}
