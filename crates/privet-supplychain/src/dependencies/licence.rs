//! Licences: SPDX expressions, and the names that people write instead.

use std::fmt;

/// Longest expression that is read; longer text is a licence's own text.
const MAX_EXPRESSION: usize = 2048;
/// Deepest nesting of parentheses.
const MAX_NESTING: usize = 32;

/// An SPDX licence expression (SPDX specification 2.3, annex D).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// One licence.
    One {
        /// Its SPDX identifier in its official spelling, or a `LicenseRef-…`.
        id: String,
        /// Whether a later version may be taken instead (`+`).
        or_later: bool,
        /// What its holder allows beyond it (`WITH`).
        exception: Option<String>,
    },
    /// All of these hold.
    All(Vec<Self>),
    /// One of these may be chosen.
    Any(Vec<Self>),
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One {
                id,
                or_later,
                exception,
            } => {
                f.write_str(id)?;
                if *or_later {
                    f.write_str("+")?;
                }
                match exception {
                    Some(exception) => write!(f, " WITH {exception}"),
                    None => Ok(()),
                }
            }
            Self::All(parts) => joined(f, parts, " AND "),
            Self::Any(parts) => joined(f, parts, " OR "),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Licence], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        match part {
            Licence::One { .. } => write!(f, "{part}")?,
            _ => write!(f, "({part})")?,
        }
    }
    Ok(())
}

/// Reads an SPDX expression whose identifiers are all on the SPDX list or `LicenseRef-…`; case does not matter. The deprecated `GPL-2.0`
/// and `GPL-2.0+` are read as what replaced them.
///
/// ```
/// use privet_supplychain::dependencies::parse_licence;
/// let licence = parse_licence("mit OR (Apache-2.0 AND GPL-2.0+)").ok_or("not SPDX")?;
/// assert_eq!(licence.to_string(), "MIT OR (Apache-2.0 AND GPL-2.0-or-later)");
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<Licence> {
    if text.len() > MAX_EXPRESSION {
        return None;
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = Words(spaced.split_whitespace().peekable());
    let out = words.any(MAX_NESTING)?;
    words.0.next().is_none().then_some(out)
}

struct Words<'a>(std::iter::Peekable<std::str::SplitWhitespace<'a>>);

impl Words<'_> {
    fn eat(&mut self, word: &str) -> bool {
        self.0.next_if(|next| next.eq_ignore_ascii_case(word)).is_some()
    }

    fn any(&mut self, depth: usize) -> Option<Licence> {
        let mut parts = vec![self.all(depth)?];
        while self.eat("OR") {
            parts.push(self.all(depth)?);
        }
        Some(single(parts, Licence::Any))
    }

    fn all(&mut self, depth: usize) -> Option<Licence> {
        let mut parts = vec![self.one(depth)?];
        while self.eat("AND") {
            parts.push(self.one(depth)?);
        }
        Some(single(parts, Licence::All))
    }

    fn one(&mut self, depth: usize) -> Option<Licence> {
        if self.eat("(") {
            let inner = self.any(depth.checked_sub(1)?)?;
            return self.eat(")").then_some(inner);
        }
        let word = self.0.next()?;
        let (id, or_later) = identifier(word)?;
        let exception = if self.eat("WITH") {
            Some(exception(self.0.next()?)?)
        } else {
            None
        };
        Some(Licence::One {
            id,
            or_later,
            exception,
        })
    }
}

fn single(mut parts: Vec<Licence>, many: fn(Vec<Licence>) -> Licence) -> Licence {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// An identifier in its official spelling, and whether a later version may be taken.
pub(super) fn identifier(word: &str) -> Option<(String, bool)> {
    let (word, or_later) = match word.strip_suffix('+') {
        Some(word) => (word, true),
        None => (word, false),
    };
    let is_reference = word.starts_with("LicenseRef-") || word.starts_with("DocumentRef-");
    if is_reference {
        let is_good = word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':'));
        return is_good.then(|| (word.to_owned(), or_later));
    }
    // GNU licences say in their identifier whether a later version may be taken.
    let is_gnu = ["GPL-", "LGPL-", "AGPL-", "GFDL-"].iter().any(|kind| {
        word.get(..kind.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(kind))
    });
    if is_gnu {
        let full = if or_later {
            format!("{word}-or-later")
        } else {
            format!("{word}-only")
        };
        if let Some(id) = official(&full) {
            return Some((id.to_owned(), false));
        }
    }
    official(word).map(|id| (id.to_owned(), or_later))
}

fn official(word: &str) -> Option<&'static str> {
    spdx::identifiers::LICENSES
        .iter()
        .map(|licence| licence.name)
        .find(|name| name.eq_ignore_ascii_case(word))
}

fn exception(word: &str) -> Option<String> {
    spdx::identifiers::EXCEPTIONS
        .iter()
        .map(|exception| exception.name)
        .find(|name| name.eq_ignore_ascii_case(word))
        .map(str::to_owned)
}

/// The SPDX expression that `text` means: itself, if it is one, the licence whose name or text it is, or several of those joined by
/// "or", "and", `/`, `&`. `None` if that cannot be told.
///
/// Where a name leaves the version open: "Apache" is 2.0, "BSD" the 3-clause one (its terms hold for the 2-clause one too), "GPL" any
/// version, as section 9 of version 2 says. A comma is read as "and", for then all must be allowed.
///
/// ```
/// use privet_supplychain::dependencies::normalise_licence;
/// assert_eq!(normalise_licence("Apache 2.0").as_deref(), Some("Apache-2.0"));
/// assert_eq!(normalise_licence("The MIT License (MIT)").as_deref(), Some("MIT"));
/// assert_eq!(normalise_licence("MIT/Apache-2.0").as_deref(), Some("MIT OR Apache-2.0"));
/// assert_eq!(normalise_licence("ask Bob"), None);
/// ```
#[must_use]
pub fn normalise(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(licence) = parse(text) {
        return Some(licence.to_string());
    }
    if text.len() > 200 {
        return by_text(text).map(str::to_owned);
    }
    if let Some(id) = by_name(text) {
        return Some(id.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    // ASCII case alone changes, so that offsets hold in both.
    for (marks, between) in [
        (&[" or ", "/", " | ", "|"][..], " OR "),
        (&[" and ", "&", ",", ";", "+ "], " AND "),
    ] {
        for mark in marks {
            if lower.contains(mark) {
                let parts: Option<Vec<String>> = lower
                    .split(mark)
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(normalise)
                    .collect();
                if let Some(parts) = parts.filter(|parts| parts.len() > 1) {
                    return parse(&parts.join(between)).map(|one| one.to_string());
                }
            }
        }
    }
    by_text(text).map(str::to_owned)
}

/// Words that tell licences not apart.
const FILLERS: [&str; 14] = [
    "the",
    "license",
    "licence",
    "licensed",
    "licenses",
    "version",
    "software",
    "under",
    "of",
    "a",
    "terms",
    "agreement",
    "style",
    "v",
];

/// Lower-case words and numbers without fillers, in order: "The MIT License (MIT)" is `mit`.
fn reduced(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text
        .to_ascii_lowercase()
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+')))
    {
        let word = word.trim_matches('.');
        // `v2`, `gplv3`, `lgplv2.1+`.
        let word = match word.rsplit_once('v') {
            Some((before, number)) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                if !before.is_empty() {
                    words.push(before.to_owned());
                }
                number
            }
            _ => word,
        };
        let word = match word.strip_suffix('+') {
            Some(word) => {
                words.push(word.to_owned());
                "later"
            }
            None => word,
        };
        let word = word.strip_suffix(".0").unwrap_or(word);
        if !word.is_empty() && !FILLERS.contains(&word) {
            words.push(word.to_owned());
        }
    }
    words.dedup();
    let joined = words.join(" ");
    // "gnu general public gpl 3" says it twice.
    let joined = joined
        .replace("gnu affero general public agpl", "agpl")
        .replace("gnu lesser general public lgpl", "lgpl")
        .replace("gnu library or lesser general public lgpl", "lgpl")
        .replace("gnu general public gpl", "gpl")
        .replace("gnu affero general public", "agpl")
        .replace("affero general public", "agpl")
        .replace("gnu lesser general public", "lgpl")
        .replace("gnu general public", "gpl")
        .replace("lesser general public", "lgpl")
        .replace("gnu library", "lgpl")
        .replace("mozilla public", "mpl")
        .replace("gnu gpl", "gpl")
        .replace("gnu lgpl", "lgpl")
        .replace("gnu agpl", "agpl")
        .replace("or later", "later")
        .replace("or newer", "later")
        .replace("creative commons", "cc")
        .replace("attribution", "by");
    let mut words: Vec<&str> = joined.split(' ').collect();
    // "mit mit", "gpl 3 gpl 3": the name and its short form.
    if words.len().is_multiple_of(2) {
        let (one, two) = words.split_at(words.len() / 2);
        if one == two {
            words.truncate(one.len());
        }
    }
    words.join(" ")
}

/// Reduced names and what they mean.
const NAMES: [(&str, &str); 104] = [
    ("mit", "MIT"),
    ("expat", "MIT"),
    ("mit expat", "MIT"),
    ("mit x11", "MIT"),
    ("x11", "X11"),
    ("mit 0", "MIT-0"),
    ("mit no", "MIT-0"),
    ("mit no by", "MIT-0"),
    ("apache", "Apache-2.0"),
    ("apache 2", "Apache-2.0"),
    ("apache2", "Apache-2.0"),
    ("apache foundation 2", "Apache-2.0"),
    ("asl 2", "Apache-2.0"),
    ("al 2", "Apache-2.0"),
    ("al2", "Apache-2.0"),
    ("apache 1.1", "Apache-1.1"),
    ("bsd", "BSD-3-Clause"),
    ("bsd 3", "BSD-3-Clause"),
    ("bsd 3 clause", "BSD-3-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("3 clause bsd", "BSD-3-Clause"),
    ("three clause bsd", "BSD-3-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("modified bsd", "BSD-3-Clause"),
    ("revised bsd", "BSD-3-Clause"),
    ("bsd new", "BSD-3-Clause"),
    ("new bsd 3 clause", "BSD-3-Clause"),
    ("bsd 3 clause new or revised", "BSD-3-Clause"),
    ("bsd 2", "BSD-2-Clause"),
    ("bsd 2 clause", "BSD-2-Clause"),
    ("2 clause bsd", "BSD-2-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("freebsd", "BSD-2-Clause"),
    ("bsd 2 clause simplified", "BSD-2-Clause"),
    ("bsd 4 clause", "BSD-4-Clause"),
    ("zero clause bsd", "0BSD"),
    ("bsd zero clause", "0BSD"),
    ("isc", "ISC"),
    ("iscl", "ISC"),
    ("isc iscl", "ISC"),
    ("mpl", "MPL-2.0"),
    ("mpl 2", "MPL-2.0"),
    ("mpl 2 mpl 2", "MPL-2.0"),
    ("mozilla 2", "MPL-2.0"),
    ("mpl 1.1", "MPL-1.1"),
    ("mpl 1.1 mpl 1.1", "MPL-1.1"),
    ("gpl", "GPL-1.0-or-later"),
    ("gpl 2", "GPL-2.0-only"),
    ("gpl 2 only", "GPL-2.0-only"),
    ("gpl 2 later", "GPL-2.0-or-later"),
    ("gpl 3", "GPL-3.0-only"),
    ("gpl 3 only", "GPL-3.0-only"),
    ("gpl 3 later", "GPL-3.0-or-later"),
    ("gpl2", "GPL-2.0-only"),
    ("gpl3", "GPL-3.0-only"),
    ("gpl 2 later gpl 2 later", "GPL-2.0-or-later"),
    ("gpl 3 later gpl 3 later", "GPL-3.0-or-later"),
    ("lgpl", "LGPL-2.0-or-later"),
    ("lgpl 2", "LGPL-2.0-only"),
    ("lgpl 2 later", "LGPL-2.0-or-later"),
    ("lgpl 2.1", "LGPL-2.1-only"),
    ("lgpl 2.1 later", "LGPL-2.1-or-later"),
    ("lgpl 3", "LGPL-3.0-only"),
    ("lgpl 3 later", "LGPL-3.0-or-later"),
    ("lgpl3", "LGPL-3.0-only"),
    ("agpl", "AGPL-3.0-only"),
    ("agpl 3", "AGPL-3.0-only"),
    ("agpl3", "AGPL-3.0-only"),
    ("agpl 3 later", "AGPL-3.0-or-later"),
    ("psf", "PSF-2.0"),
    ("psf 2", "PSF-2.0"),
    ("psfl", "PSF-2.0"),
    ("python foundation", "PSF-2.0"),
    ("python", "PSF-2.0"),
    ("python 2", "Python-2.0"),
    ("unlicense", "Unlicense"),
    ("unlicense unlicense", "Unlicense"),
    ("zlib", "Zlib"),
    ("zlib libpng", "Zlib"),
    ("zlib/libpng", "Zlib"),
    ("boost", "BSL-1.0"),
    ("boost 1", "BSL-1.0"),
    ("boost 1 bsl 1", "BSL-1.0"),
    ("bsl 1", "BSL-1.0"),
    ("business source 1.1", "BUSL-1.1"),
    ("cc0", "CC0-1.0"),
    ("cc0 1", "CC0-1.0"),
    ("cc0 1 universal", "CC0-1.0"),
    ("cc0 1 universal cc0 1 public domain dedication", "CC0-1.0"),
    ("cc by 4", "CC-BY-4.0"),
    ("cc by 3", "CC-BY-3.0"),
    ("cc by sa 4", "CC-BY-SA-4.0"),
    ("cc by nc 4", "CC-BY-NC-4.0"),
    ("cc by nc sa 4", "CC-BY-NC-SA-4.0"),
    ("epl 1", "EPL-1.0"),
    ("epl 2", "EPL-2.0"),
    ("eclipse public 2", "EPL-2.0"),
    ("eclipse public 1", "EPL-1.0"),
    ("wtfpl", "WTFPL"),
    ("artistic 2", "Artistic-2.0"),
    ("hpnd", "HPND"),
    ("historical permission notice and disclaimer hpnd", "HPND"),
    ("public domain", "LicenseRef-Public-Domain"),
    ("unlicensed", "LicenseRef-Proprietary"),
];

/// Names by which a holder keeps all rights.
const PROPRIETARY: [&str; 6] = [
    "proprietary",
    "other proprietary",
    "commercial",
    "all rights reserved",
    "nvidia proprietary",
    "closed source",
];

fn by_name(text: &str) -> Option<&'static str> {
    let name = reduced(text);
    if PROPRIETARY.contains(&name.as_str()) {
        return Some("LicenseRef-Proprietary");
    }
    if let Some((_, id)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(id);
    }
    // The full names of the SPDX list: "BSD 3-Clause \"New\" or \"Revised\" License".
    spdx::identifiers::LICENSES
        .iter()
        .find(|licence| licence.full_name.eq_ignore_ascii_case(text))
        .and_then(|licence| identifier(licence.name))
        .and_then(|(id, _)| official(&id))
}

/// Sentences that stand in one licence only, in lower case with single blanks; the first that fits holds.
const SENTENCES: [(&str, &str); 11] = [
    ("gnu affero general public license version 3", "AGPL-3.0-only"),
    ("gnu lesser general public license version 3", "LGPL-3.0-only"),
    ("gnu lesser general public license version 2.1", "LGPL-2.1-only"),
    ("gnu general public license version 3", "GPL-3.0-only"),
    ("gnu general public license version 2", "GPL-2.0-only"),
    ("mozilla public license version 2.0", "MPL-2.0"),
    ("apache license version 2.0", "Apache-2.0"),
    ("neither the name", "BSD-3-Clause"),
    (
        "redistribution and use in source and binary forms",
        "BSD-2-Clause",
    ),
    (
        "permission is hereby granted free of charge to any person obtaining a copy",
        "MIT",
    ),
    (
        "permission to use copy modify and/or distribute this software for any purpose",
        "ISC",
    ),
];

/// The licence whose text this is, by a sentence of it.
fn by_text(text: &str) -> Option<&'static str> {
    let start: String = text.chars().take(4000).collect();
    let start = start.to_lowercase().replace([',', '"', '(', ')', ':'], " ");
    let start = start.split_whitespace().collect::<Vec<_>>().join(" ");
    SENTENCES
        .iter()
        .find(|(sentence, _)| start.contains(sentence))
        .map(|(_, id)| *id)
}

/// The licence that a distribution's classifiers name (`License :: OSI Approved :: MIT License`). Several are joined by AND: that a
/// choice is meant is likely but not said.
pub(super) fn of_classifiers<'a>(classifiers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut out: Vec<String> = classifiers
        .filter_map(|classifier| classifier.trim().strip_prefix("License ::"))
        .filter_map(|rest| {
            let last = rest.rsplit("::").next()?.trim();
            // "OSI Approved" alone names none.
            (last != "OSI Approved").then(|| {
                let known = last.rsplit_once('(').and_then(|(full, short)| {
                    normalise(full).or_else(|| normalise(short.trim_end_matches(')')))
                });
                known
                    .or_else(|| normalise(last))
                    .unwrap_or_else(|| last.to_owned())
            })
        })
        .collect();
    out.sort();
    out.dedup();
    match out.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(
            out.iter()
                .map(|one| {
                    if one.contains(" OR ") {
                        format!("({one})")
                    } else {
                        one.clone()
                    }
                })
                .collect::<Vec<_>>()
                .join(" AND "),
        ),
    }
}
