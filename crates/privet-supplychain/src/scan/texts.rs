//! The texts of a file: secrets, personal data, attacks on models.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use privet_guardrails::{Feed, Origin};
use privet_types::Budget;
use zeroize::Zeroizing;

use super::personal::Setting;
use super::{FileName, FileScan, ImportSpot, ScanError, Scanner, Spot};
use crate::dependencies;
use crate::report::mask_line;
use crate::secrets::{self, SecretFinding};
use crate::segments::{FileKind, Lines, Segment, SegmentKind, segments};
use crate::{Category, Finding, Severity};

/// Bytes of a line, on either side of a finding, that may be shown.
const LINE_BYTES: usize = 2048;
/// Values shorter than this are masked where they were found, and not wherever they stand.
const LEAST_VALUE: usize = 4;
/// Values of one file that are masked wherever they stand.
const MOST_VALUES: usize = 20_000;
/// Longest text in which names are looked for by the network, in data.
const NETWORK_BYTES: usize = 256 << 10;
/// Texts are read for personal data in pieces of about so many bytes, cut at line ends.
const PIECE_BYTES: usize = 128 << 10;

/// Ends of names of program code, without the dot.
const CODE: &[&str] = &[
    "asm", "bash", "bat", "bzl", "c", "cc", "clj", "cljs", "cmake", "coffee", "cpp", "cs", "css", "cu",
    "cuh", "cxx", "d", "dart", "ebnf", "el", "elm", "erl", "ex", "exs", "f90", "fs", "fsx", "gd", "glsl",
    "go", "gradle", "graphql", "groovy", "h", "hcl", "hh", "hpp", "hrl", "hs", "java", "jl", "js", "jsx",
    "kt", "kts", "less", "lisp", "lua", "m", "mjs", "cjs", "mk", "ml", "mli", "mm", "nim", "nix", "pas",
    "php", "pl", "pm", "proto", "ps1", "psm1", "py", "pyi", "pyx", "r", "rb", "rkt", "rs", "s", "sass",
    "scala", "scm", "scss", "sh", "sol", "sql", "svelte", "swift", "tcl", "tf", "thrift", "ts", "tsx", "v",
    "vb", "vhd", "vim", "vue", "wat", "zig", "zsh", "lock", "sum", "mod", "map", "snap", "po", "pot", "ipp",
    "inc", "y", "lex", "cabal", "podspec",
];

/// Ends of names of sentences.
const PROSE: &[&str] = &[
    "md", "markdown", "mdx", "txt", "text", "rst", "adoc", "asciidoc", "org", "tex", "html", "htm", "xhtml",
    "eml", "mbox", "docx", "pptx", "odt", "rtf", "textile", "wiki", "srt", "vtt",
];

/// Names of files of code without such an end.
const CODE_NAMES: &[&str] = &[
    "Makefile",
    "Dockerfile",
    "Jenkinsfile",
    "Vagrantfile",
    "Gemfile",
    "Rakefile",
    "CMakeLists.txt",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
];

/// What kind of text `segment` is.
fn setting(path: &str, kind: FileKind, segment: &Segment<'_>) -> Setting {
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let ends = |all: &[&str]| end.as_deref().is_some_and(|end| all.contains(&end));
    match kind {
        FileKind::Notebook | FileKind::Office => Setting::Prose,
        _ if CODE_NAMES.contains(&name) || ends(CODE) => Setting::Code,
        _ if ends(PROSE) || kind == FileKind::Html => Setting::Prose,
        _ if segment.kind == SegmentKind::Printable => Setting::Code,
        _ if segment.text.len() <= NETWORK_BYTES => Setting::Prose,
        _ => Setting::Data,
    }
}

/// Whether somebody may read it to a model.
fn is_read_out(path: &str, kind: FileKind, segment: &Segment<'_>) -> bool {
    match segment.kind {
        SegmentKind::Printable | SegmentKind::Strings => false,
        _ => setting(path, kind, segment) == Setting::Prose,
    }
}

impl Scanner {
    /// Looks at all texts of a file. Returns whether the file is one text.
    pub(super) fn texts(
        &self,
        name: FileName<'_>,
        bytes: &[u8],
        is_archive: bool,
        scan: &mut FileScan,
        budget: &Budget,
    ) -> Result<bool, ScanError> {
        let cut = segments(name.path, bytes, &self.parts.texts, budget)?;
        let lines = Lines::new(bytes);
        for skipped in &cut.skipped {
            let said = match skipped.place.to_string() {
                place if place.is_empty() => skipped.reason.name().to_owned(),
                place => format!("{place}: {}", skipped.reason.name()),
            };
            if skipped.reason.leaves_a_gap() {
                scan.gaps.push(said);
            } else {
                scan.skipped.push(said);
            }
        }
        // The members of an archive were looked at by themselves.
        let is_told = |segment: &&Segment<'_>| !is_archive || segment.kind != SegmentKind::Printable;
        let mut lines_shown = LinesShown::default();
        for segment in cut.segments.iter().filter(is_told) {
            scan.segments += 1;
            let mut of = OfSegment {
                scanner: self,
                name,
                lines: &lines,
                segment,
                is_inexact: !segment.is_exact(),
                scan,
                lines_shown: &mut lines_shown,
                taken: Vec::new(),
            };
            of.secrets(budget)?;
            let setting = setting(name.path, cut.kind, segment);
            if setting != Setting::Code || self.parts.pii_in_code {
                of.personal(setting, budget)?;
            }
            if is_read_out(name.path, cut.kind, segment) {
                of.injections(budget)?;
            }
            if cut.kind == FileKind::Notebook && segment.kind == SegmentKind::Source {
                of.code();
            }
        }
        lines_shown.finish(scan);
        Ok(matches!(
            cut.kind,
            FileKind::Text | FileKind::Json | FileKind::Xml | FileKind::Csv
        ))
    }
}

/// One text under way.
struct OfSegment<'a, 's> {
    scanner: &'a Scanner,
    name: FileName<'a>,
    lines: &'a Lines<'a>,
    segment: &'a Segment<'a>,
    is_inexact: bool,
    scan: &'s mut FileScan,
    lines_shown: &'s mut LinesShown,
    /// Where secrets were found: what looks like personal data in them is none.
    taken: Vec<Range<usize>>,
}

/// Something found in a text.
struct Found<'a> {
    category: Category,
    rule: &'a str,
    severity: Severity,
    span: Range<usize>,
    message: String,
}

/// The lines that findings are shown in, until all that is to be masked in them is known.
#[derive(Default)]
struct LinesShown {
    pending: Vec<Pending>,
    line: (Vec<u8>, Range<usize>),
    values: Vec<Zeroizing<Vec<u8>>>,
}

/// A finding, and the line that it is to be shown in.
struct Pending {
    finding: Finding,
    /// Whether a comment in the line allows it.
    is_allowed: bool,
    line: Vec<u8>,
    /// Its place in the line.
    span: Range<usize>,
}

impl LinesShown {
    /// Keeps the line `near` of `text`, as much of it as may be shown.
    fn push(&mut self, found: &Found<'_>, text: &[u8], near: &Range<usize>) {
        let start = near.start.max(found.span.start.saturating_sub(LINE_BYTES));
        let end = near
            .end
            .min(found.span.start.saturating_add(LINE_BYTES))
            .max(start);
        let span = found.span.start - start..found.span.end.min(end).saturating_sub(start);
        self.line = (text.get(start..end).unwrap_or_default().to_vec(), span);
        let value = text.get(found.span.clone()).unwrap_or_default();
        // An attack is a text, and no value that is to be masked elsewhere.
        if value.len() >= LEAST_VALUE
            && found.category != Category::Injection
            && self.values.len() < MOST_VALUES
        {
            self.values.push(Zeroizing::new(value.to_vec()));
        }
    }

    fn take(&mut self, finding: Finding, is_allowed: bool) {
        let (line, span) = std::mem::take(&mut self.line);
        self.pending.push(Pending {
            finding,
            is_allowed,
            line,
            span,
        });
    }

    /// Writes the lines into the findings, with all values masked that were found anywhere in the file.
    fn finish(self, scan: &mut FileScan) {
        let values: BTreeSet<&[u8]> = self.values.iter().map(|value| value.as_slice()).collect();
        // Where the automaton would be too large, lines are left out.
        let known = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(values)
            .ok();
        for Pending {
            mut finding,
            is_allowed,
            line,
            span,
        } in self.pending
        {
            let spans = known.as_ref().map(|known| {
                let mut spans = vec![span];
                spans.extend(known.find_iter(&line).map(|hit| hit.start()..hit.end()));
                spans
            });
            finding.snippet = spans.as_ref().map(|spans| mask_line(&line, spans));
            if is_allowed {
                let reason = spans.map(|spans| reason(line, &spans));
                scan.allowed.push((finding, reason.unwrap_or_default()));
            } else {
                scan.findings.push(finding);
            }
        }
    }
}

/// Why the comment in `line` allows what was found in it. All of the line that follows may be taken for the reason, so what is at
/// `spans` is left out of it.
fn reason(mut line: Vec<u8>, spans: &[Range<usize>]) -> String {
    for span in spans {
        let end = span.end.min(line.len());
        if let Some(value) = line.get_mut(span.start.min(end)..end) {
            value.fill(b'*');
        }
    }
    secrets::allowed_inline(&line).map_or_else(String::new, |allowed| allowed.text)
}

impl OfSegment<'_, '_> {
    fn secrets(&mut self, budget: &Budget) -> Result<(), ScanError> {
        if !self.scanner.wants(Category::Secret) {
            return Ok(());
        }
        let found = self
            .scanner
            .parts
            .rules
            .scan(self.name.path, &self.segment.text, budget)?;
        for SecretFinding {
            rule,
            description,
            severity,
            span,
            ..
        } in found
        {
            let message =
                format!("{description}; revoke it, take it out, and read it from a secret store instead");
            self.taken.push(span.clone());
            self.add(Found {
                category: Category::Secret,
                rule: &rule,
                severity,
                span,
                message,
            });
        }
        Ok(())
    }

    fn personal(&mut self, setting: Setting, budget: &Budget) -> Result<(), ScanError> {
        let Some(personal) = &self.scanner.personal else {
            return Ok(());
        };
        let text = self.segment.utf8();
        for range in pieces(&text) {
            let piece = text.get(range.clone()).unwrap_or_default();
            for private in personal.find(piece, setting, budget)? {
                let span = private.span.start + range.start..private.span.end + range.start;
                let is_secret = |taken: &Range<usize>| taken.start < span.end && span.start < taken.end;
                if self.taken.iter().any(is_secret) {
                    continue;
                }
                let kind = private.entity.name();
                self.add(Found {
                    category: Category::Pii,
                    rule: kind,
                    severity: private.severity,
                    span,
                    message: format!(
                        "personal data: {kind}; take it out, or replace it (`privet pii anonymize`)"
                    ),
                });
            }
        }
        Ok(())
    }

    fn injections(&mut self, budget: &Budget) -> Result<(), ScanError> {
        let Some(detector) = &self.scanner.detector else {
            return Ok(());
        };
        let text = self.segment.utf8();
        if text.trim().is_empty() {
            return Ok(());
        }
        let mut feed = Feed::new(detector, Origin::Document);
        feed.push(text.as_bytes(), budget)?;
        let verdict = feed.finish(budget)?;
        if !verdict.is_flagged() {
            return Ok(());
        }
        let gravest = verdict.evidence.iter().max_by(|a, b| a.score.total_cmp(&b.score));
        let (rule, span) = gravest.map_or(("model/words", 0..text.len()), |one| {
            (one.rule.0, one.span.start..one.span.end)
        });
        self.add(Found {
            category: Category::Injection,
            rule: &format!("injection/{rule}"),
            severity: Severity::High,
            span,
            message: "text that tries to steer a model which reads it; look at it before it goes into a prompt or an index"
                .to_owned(),
        });
        Ok(())
    }

    fn code(&mut self) {
        if self.scanner.wants(Category::Dependency) {
            let cell = dependencies::from_code_cell(&self.segment.utf8());
            for install in &cell.installs {
                let span = self.segment.file_span(install.span.clone());
                let place = (self.lines.line(span.start), span);
                self.scanner
                    .dependency(self.name, true, install, place, self.scan);
            }
            for import in dependencies::imports_without_pin(&cell, &[], &mut |_| false) {
                let span = self.segment.file_span(import.span.clone());
                self.scan.imports.push(ImportSpot {
                    line: self.lines.line(span.start),
                    start: span.start,
                    end: span.end,
                    module: import.module,
                    distribution: import.distribution,
                });
            }
        }
    }

    fn add(&mut self, found: Found<'_>) {
        let place = self.segment.file_span(found.span.clone());
        if place.is_empty() {
            return;
        }
        let text: &[u8] = &self.segment.text;
        let value = text.get(found.span.clone()).unwrap_or_default();
        let near = line_of(text, &found.span);
        let is_allowed = secrets::allowed_inline(text.get(near.clone()).unwrap_or_default())
            .is_some_and(|allowed| allowed.rule.as_ref().is_none_or(|rule| rule == found.rule));
        self.lines_shown.push(&found, text, &near);
        let of = self.segment.place.to_string();
        let finding = self.scanner.finding(Spot {
            path: self.name.shown,
            category: found.category,
            rule: found.rule,
            severity: found.severity,
            verdict: None,
            line: if self.is_inexact {
                0
            } else {
                self.lines.line(place.start)
            },
            span: place,
            value: value.trim_ascii(),
            message: found.message,
            place: (!of.is_empty()).then_some(of),
            snippet: None,
        });
        self.lines_shown.take(finding, is_allowed);
    }
}

/// The line of `text` in which `span` begins.
fn line_of(text: &[u8], span: &Range<usize>) -> Range<usize> {
    let before = text.get(..span.start).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let rest = text.get(span.start..).unwrap_or_default();
    let end = memchr::memchr(b'\n', rest).map_or(text.len(), |at| span.start + at);
    start..end
}

/// `text` in pieces that end with lines.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let mut end = (at + PIECE_BYTES).min(text.len());
        if end < text.len() {
            let piece = text.as_bytes().get(at..end).unwrap_or_default();
            end = memchr::memrchr(b'\n', piece).map_or(end, |line| at + line + 1);
            while !text.is_char_boundary(end) {
                end += 1;
            }
        }
        all.push(at..end);
        at = end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        pieces(text)
            .into_iter()
            .filter_map(|range| text.get(range))
            .collect()
    }

    #[test]
    fn pieces_end_with_lines_and_leave_nothing_out() {
        let text = "ä line of text\n".repeat(20_000);
        let all = pieces(&text);
        assert!(all.len() > 1);
        assert_eq!(joined(&text), text);
        let ends = |range: &Range<usize>| text.get(range.clone()).is_some_and(|piece| piece.ends_with('\n'));
        assert!(all.iter().all(ends));
        let one = "ä".repeat(PIECE_BYTES);
        assert_eq!(joined(&one), one);
        assert!(pieces("").is_empty());
    }
}
