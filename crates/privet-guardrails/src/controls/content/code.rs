//! Program code in replies, where none is wanted.

use privet_types::{Budget, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use crate::controls::{Action, Control, Error, Filter, Hit, Passed};

/// Lines in a row that look like code and stand in no fence.
const BARE_LINES: usize = 3;
/// What stands where code was.
const REMOVED: &str = "(code removed)\n";

/// Program code (`[guardrails.replies.code]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CodeConfig {
    /// What becomes of code in fences, and of three lines in a row that look like code.
    pub action: Action,
    /// Languages of fences that may stand: `text`, `json`.
    pub languages: Vec<String>,
}

impl Default for CodeConfig {
    fn default() -> Self {
        Self {
            action: Action::Redact,
            languages: Vec::new(),
        }
    }
}

/// Looks for program code in a reply. Holds back a line, and up to three that look like code.
#[derive(Debug)]
pub struct CodeFilter {
    config: CodeConfig,
    lines: Lines,
    fence: Option<Fence>,
    /// Lines that look like code and wait for more of them; and blank ones between.
    bare: Vec<String>,
    count: usize,
    is_bare_found: bool,
    at: usize,
    is_stopped: bool,
}

/// An open fence (CommonMark 4.5).
#[derive(Debug, Clone, Copy)]
struct Fence {
    sign: char,
    length: usize,
    is_allowed: bool,
}

impl CodeFilter {
    /// A filter for one reply.
    #[must_use]
    pub fn new(config: &CodeConfig) -> Self {
        Self {
            config: config.clone(),
            lines: Lines::default(),
            fence: None,
            bare: Vec::new(),
            count: 0,
            is_bare_found: false,
            at: 0,
            is_stopped: false,
        }
    }

    fn line(&mut self, line: String, passed: &mut Passed) {
        let start = self.at;
        self.at += line.len();
        if let Some(fence) = self.fence {
            if closes(&line, fence) {
                self.fence = None;
            }
            if fence.is_allowed || self.config.action < Action::Redact {
                passed.text.push_str(&line);
            }
            return;
        }
        if let Some(fence) = self.opens(&line) {
            self.end_bare(passed);
            self.fence = Some(fence);
            if !fence.is_allowed {
                self.found("code/fence", Span::new(start, self.at), passed);
            }
            if fence.is_allowed || self.config.action < Action::Redact {
                passed.text.push_str(&line);
            }
            return;
        }
        let is_blank = line.trim().is_empty();
        if looks_like_code(&line) {
            self.count += 1;
            self.bare.push(line);
        } else if is_blank && self.count > 0 && self.bare.len() < 2 * BARE_LINES {
            self.bare.push(line);
        } else {
            self.end_bare(passed);
            passed.text.push_str(&line);
            return;
        }
        if self.count >= BARE_LINES {
            if !self.is_bare_found {
                self.is_bare_found = true;
                self.found("code/lines", Span::new(start, self.at), passed);
            }
            let all = std::mem::take(&mut self.bare);
            if self.config.action < Action::Redact {
                all.iter().for_each(|line| passed.text.push_str(line));
            }
        }
    }

    /// The lines that waited were no code, or it has ended.
    fn end_bare(&mut self, passed: &mut Passed) {
        for line in std::mem::take(&mut self.bare) {
            if !self.is_stopped {
                passed.text.push_str(&line);
            }
        }
        (self.count, self.is_bare_found) = (0, false);
    }

    fn found(&mut self, rule: &'static str, span: Span, passed: &mut Passed) {
        passed.hit(Hit::new(Control::Code, rule, span, self.config.action));
        self.is_stopped |= self.config.action.stops();
        if self.config.action == Action::Redact {
            passed.text.push_str(REMOVED);
        }
    }

    fn opens(&self, line: &str) -> Option<Fence> {
        let text = line.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
        let sign = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = text.chars().take_while(|c| *c == sign).count();
        let info = text.get(length..)?.trim();
        if length < 3 || (sign == '`' && info.contains('`')) {
            return None;
        }
        let language = info.split([' ', '{', ',']).next().unwrap_or_default();
        let is_allowed = self
            .config
            .languages
            .iter()
            .any(|name| name.eq_ignore_ascii_case(language));
        Some(Fence {
            sign,
            length,
            is_allowed,
        })
    }

    fn run(&mut self, is_end: bool, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        while !self.is_stopped
            && let Some(line) = self.lines.next(is_end)
        {
            budget.charge(4 * line.len() as u64)?;
            self.line(line, passed);
        }
        if is_end && !self.is_stopped {
            self.end_bare(passed);
        }
        Ok(())
    }
}

fn closes(line: &str, fence: Fence) -> bool {
    let text = line.trim_start_matches([' ', '\t', '>']).trim_end();
    text.chars().count() >= fence.length && text.chars().all(|c| c == fence.sign)
}

/// Whether a line is more likely code than prose: how it begins and ends, and the signs in it.
fn looks_like_code(line: &str) -> bool {
    let text = line.trim();
    if text.is_empty() || text.starts_with('|') {
        return false;
    }
    let begins = [
        "#include",
        "def ",
        "class ",
        "public ",
        "private ",
        "static ",
        "function ",
        "const ",
        "let ",
        "var ",
        "fn ",
        "use ",
        "return ",
        "return;",
        "if (",
        "for (",
        "while (",
        "} else",
        "else {",
        "try:",
        "except ",
        "elif ",
        "func ",
        "package ",
        "<?php",
        "<script",
        "#!/",
        "SELECT ",
        "INSERT ",
        "UPDATE ",
        "CREATE ",
        "$ ",
        "echo ",
        "print(",
        "console.",
        "sudo ",
        "async ",
        "await ",
        "match ",
        "struct ",
        "enum ",
        "impl ",
        "pub ",
        "using ",
        "namespace ",
        "@",
    ];
    let word_begins = begins.iter().any(|start| text.starts_with(start));
    let ends = text.ends_with([';', '{', '}']) || text.ends_with("):") || text.ends_with(") {");
    let signs = text
        .chars()
        .filter(|c| {
            matches!(
                c,
                '(' | ')' | '{' | '}' | '[' | ']' | '=' | ';' | '<' | '>' | '_' | '$' | '&' | '|'
            )
        })
        .count();
    let is_prose = text.ends_with(['.', '?', '!', ',', ':']) && !ends;
    let is_call = text.contains("()")
        || text.contains(" = ")
        || text.contains("==")
        || text.contains("->")
        || text.contains("=>");
    let is_closing = text
        .chars()
        .all(|c| matches!(c, '}' | ')' | ']' | ';' | ',' | ' '));
    let is_import = (text.starts_with("import ") || (text.starts_with("from ") && text.contains(" import ")))
        && text.split_whitespace().count() <= 6
        && !is_prose;
    // A name, and parentheses to the end.
    let name = text.split('(').next().unwrap_or_default();
    let is_whole_call = text.ends_with(')')
        && !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    is_closing
        || is_import
        || is_whole_call
        || (!is_prose && (((word_begins || ends) && signs > 0) || (is_call && signs >= 2)))
}

impl Filter for CodeFilter {
    fn push(&mut self, piece: &str, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.lines.push(piece);
        self.run(false, passed, budget)
    }

    fn finish(&mut self, passed: &mut Passed, budget: &Budget) -> Result<(), Error> {
        self.run(true, passed, budget)
    }
}
