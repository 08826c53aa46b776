//! pip's requirements and constraints files.
//!
//! # Source
//! pip documentation, "Requirements File Format", 24.2.

use std::ops::Range;

use privet_types::Budget;

use super::kind::{MAX_DEPENDENCIES, check_size};
use super::names;
use super::{Dependency, Ecosystem, Error, Hash, Manifest, Problem, Scope, pep508};

/// Most files that one requirements file may include, directly or through others.
const MAX_INCLUDED: usize = 64;
/// Deepest chain of includes.
const MAX_CHAIN: usize = 16;

/// Gives the text of an included file by its path from the root of the scan; `None` if it is not there or may not be read.
pub(super) type Include<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// Reads a requirements file and what it includes.
pub(super) fn read(
    path: &str,
    text: &str,
    is_constraint: bool,
    include: &mut Include<'_>,
    budget: &Budget,
) -> Result<Manifest, Error> {
    let mut reader = Reader {
        include,
        budget,
        out: Manifest::default(),
        chain: vec![clean(path).unwrap_or_else(|| path.to_owned())],
    };
    reader.file(text, is_constraint)?;
    Ok(reader.out)
}

struct Reader<'a, 'b> {
    include: &'a mut Include<'b>,
    budget: &'a Budget,
    out: Manifest,
    /// The file being read, and those that led to it.
    chain: Vec<String>,
}

impl Reader<'_, '_> {
    fn file(&mut self, text: &str, is_constraint: bool) -> Result<(), Error> {
        check_size(text)?;
        self.budget.charge(text.len() as u64)?;
        for line in logical_lines(text) {
            self.budget.charge(8)?;
            self.line(&line, is_constraint)?;
        }
        Ok(())
    }

    /// The file that is being read, if it is an included one.
    fn here(&self) -> Option<String> {
        (self.chain.len() > 1)
            .then(|| self.chain.last().cloned())
            .flatten()
    }

    fn problem(&mut self, line: u32, message: impl Into<String>) {
        let problem = Problem {
            file: self.here(),
            line,
            message: message.into(),
        };
        self.out.problems.push(problem);
    }

    fn line(&mut self, line: &Logical, is_constraint: bool) -> Result<(), Error> {
        if self.out.dependencies.len() >= MAX_DEPENDENCIES {
            return Err(Error::syntax(line.number, "more dependencies than are read"));
        }
        let text = line.text.trim();
        if let Some(path) = option(text, &["-r", "--requirement"]) {
            return self.included(path, line.number, is_constraint);
        }
        if let Some(path) = option(text, &["-c", "--constraint"]) {
            return self.included(path, line.number, true);
        }
        let (wanted, is_editable) = match option(text, &["-e", "--editable"]) {
            Some(wanted) => (wanted, true),
            None if text.starts_with('-') => return Ok(()),
            None => (text, false),
        };
        let (wanted, options) = split_options(wanted);
        let wanted = wanted.trim();
        let start = line.start + line.text.find(wanted).unwrap_or(0);
        let span = start..start + wanted.len();
        let read = if is_editable || is_place(wanted) {
            from_place(wanted, line.number, span)
        } else {
            pep508::dependency(wanted, line.number, span)
        };
        match read {
            Ok(mut dependency) => {
                dependency.file = self.here();
                dependency.hashes = hashes(options);
                if is_constraint {
                    dependency.scope = Scope::Constraint;
                }
                self.out.dependencies.push(dependency);
            }
            Err(what) => self.problem(line.number, what),
        }
        Ok(())
    }

    fn included(&mut self, path: &str, line: u32, is_constraint: bool) -> Result<(), Error> {
        let path = path.trim_matches(['"', '\'']);
        if path.contains("://") {
            self.problem(line, "a file of another machine is included; it is not fetched");
            return Ok(());
        }
        let here = self.chain.last().map_or("", String::as_str);
        let folder = here.rsplit_once('/').map_or("", |(folder, _)| folder);
        let joined = if path.starts_with('/') || path.contains('\\') || path.contains(':') {
            None
        } else {
            clean(&format!("{folder}/{path}"))
        };
        let Some(target) = joined else {
            self.problem(
                line,
                "a file outside of what is scanned is included; it is not read",
            );
            return Ok(());
        };
        if self.chain.contains(&target) {
            self.problem(line, format!("`{target}` includes itself"));
            return Ok(());
        }
        if self.out.included.contains(&target) {
            return Ok(());
        }
        if self.out.included.len() >= MAX_INCLUDED || self.chain.len() >= MAX_CHAIN {
            self.problem(line, "more files are included than are read");
            return Ok(());
        }
        let Some(text) = (self.include)(&target) else {
            // Its name may be anything, a secret as well.
            self.problem(line, "a file that is included cannot be read");
            return Ok(());
        };
        self.out.included.push(target.clone());
        self.chain.push(target);
        let result = self.file(&text, is_constraint);
        self.chain.pop();
        result
    }
}

/// `path` without `.` and `..`; `None` if it leads above its root.
fn clean(path: &str) -> Option<String> {
    let mut out: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                out.pop()?;
            }
            part => out.push(part),
        }
    }
    Some(out.join("/"))
}

/// A line with its continuations. Its text is as long as what it stands for, so that an offset in it is one in the file.
struct Logical {
    text: String,
    number: u32,
    start: usize,
}

fn logical_lines(text: &str) -> Vec<Logical> {
    let mut out = Vec::new();
    let mut open: Option<Logical> = None;
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut start = text.len() - body.len();
    for (at, raw) in body.split_inclusive('\n').enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let body = raw.trim_end_matches(['\r', '\n']);
        let is_comment = body.trim_start().starts_with('#');
        let is_continued = body.ends_with('\\') && !is_comment;
        let mut line = open.take().unwrap_or_else(|| Logical {
            text: String::new(),
            number,
            start,
        });
        if is_continued {
            line.text.push_str(body.strip_suffix('\\').unwrap_or(body));
            let blanks = raw.len() - body.len() + 1;
            line.text.extend(std::iter::repeat_n(' ', blanks));
            open = Some(line);
        } else {
            // A comment line ends the line that was continued into it.
            line.text.push_str(if is_comment { "" } else { body });
            out.push(line);
        }
        start += raw.len();
    }
    out.extend(open);
    for line in &mut out {
        let end = comment_start(&line.text);
        line.text.truncate(end);
    }
    out.retain(|line| !line.text.trim().is_empty());
    out
}

/// A `#` starts a comment at the start of a line and behind a blank; elsewhere it is part of a URL.
fn comment_start(text: &str) -> usize {
    let mut is_after_blank = true;
    for (at, c) in text.char_indices() {
        if c == '#' && is_after_blank {
            return at;
        }
        is_after_blank = c.is_whitespace();
    }
    text.len()
}

/// The value of the option that `text` starts with, written `-r X`, `-rX`, `--requirement X` or `--requirement=X`.
fn option<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let rest = text.strip_prefix(name)?;
        let is_long = name.starts_with("--");
        let value = match rest.chars().next()? {
            '=' if is_long => rest.get(1..)?,
            c if c.is_whitespace() => rest,
            _ if is_long => return None,
            _ => rest,
        };
        Some(value.trim())
    })
}

/// What stands before the first option of a requirement, and its options.
fn split_options(text: &str) -> (&str, &str) {
    let at = [" --", "\t--"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

fn hashes(options: &str) -> Vec<Hash> {
    let mut out: Vec<Hash> = options
        .split("--hash")
        .skip(1)
        .filter_map(|value| {
            let value = value.trim_start_matches(['=', ' ', '\t']);
            Hash::from_hex(value.split_whitespace().next()?)
        })
        .collect();
    out.sort();
    out.dedup();
    out
}

/// Whether a requirement is a URL or path rather than a name.
pub(super) fn is_place(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_named = text
        .split_once('@')
        .is_some_and(|(name, _)| pep508::parse(name).is_ok());
    !is_named
        && (first.contains("://")
            || first.starts_with(['.', '/', '~'])
            || first.contains('/')
            || [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2"]
                .iter()
                .any(|ending| first.ends_with(ending)))
}

/// A dependency by URL or path: its name stands in `egg=`, in a wheel's or archive's name, or is the last part of the path.
pub(super) fn from_place(text: &str, line: u32, span: Range<usize>) -> Result<Dependency, &'static str> {
    let place = text.split_whitespace().next().unwrap_or_default();
    let (address, fragment) = place.split_once('#').unwrap_or((place, ""));
    let egg = fragment
        .split('&')
        .find_map(|part| part.strip_prefix("egg="))
        .map(|egg| egg.split(['[', '=']).next().unwrap_or(egg));
    let last = address
        .split_once('?')
        .map_or(address, |(address, _)| address)
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    // `repository.git@branch`, `name-1.0-py3-none-any.whl`, `name-1.0.tar.gz`.
    let stem = last.split(['@', '[']).next().unwrap_or_default();
    let stem = stem.strip_suffix(".git").unwrap_or(stem);
    let is_archive = [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2"]
        .iter()
        .any(|ending| stem.ends_with(ending));
    let stem = if is_archive { archive_name(stem) } else { stem };
    let name = egg.unwrap_or(stem);
    let mut out = Dependency::named(Ecosystem::PyPi, name, line, span)
        .filter(|one| one.name.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .ok_or("a path or URL does not tell the project's name; write `name @ URL`")?;
    out.come_from(address);
    out.requirement = Some(names::without_credentials(address));
    Ok(out)
}

/// The name before the first `-` that a digit follows.
fn archive_name(stem: &str) -> &str {
    stem.match_indices('-')
        .find(|(at, _)| {
            stem.get(at + 1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .and_then(|(at, _)| stem.get(..at))
        .unwrap_or(stem)
}
