//! What code installs and imports: notebook cells and Python files.
//!
//! # Source
//! IPython documentation, "Built-in magic commands" (`%pip`, `%conda`) and "System shell access" (`!`); the command lines of pip, conda,
//! mamba and uv; Python language reference, "The import statement".

use std::collections::BTreeSet;
use std::ops::Range;

use super::imports::is_namespace;
use super::kind::Draft;
use super::{
    Dependency, Manifest, Pinned, conda, distributions_of, is_standard_library, pep508, requirements,
};

/// Longest text that is looked at, in bytes; longer cells hold data, not code.
const MAX_CODE: usize = 4 * 1024 * 1024;

/// Longest statement that is looked at for an import, in bytes.
const MAX_STATEMENT: usize = 8192;

/// What a cell or file does to its environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeCell {
    /// What it installs, with lines and bytes in the text.
    pub installs: Vec<Dependency>,
    /// Requirements files from which it installs, as written.
    pub requirement_files: Vec<String>,
    /// What it imports, standard library and relative imports left out; each top-level module once.
    pub imports: Vec<Import>,
}

/// An imported module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its full dotted name.
    pub module: String,
    /// The distribution that gives it, as far as is known.
    pub distribution: String,
    /// Line, from 1.
    pub line: u32,
    /// Bytes of the name.
    pub span: Range<usize>,
}

/// Reads the installs and imports of a notebook's code cell or of a Python file. Never fails: what is no install or import is passed
/// over. O(n).
///
/// ```
/// use privet_supplychain::dependencies::from_code_cell;
/// let cell = from_code_cell("%pip install -q numpy==1.26.4\nimport cv2, os\n");
/// assert_eq!(cell.installs[0].purl(), "pkg:pypi/numpy@1.26.4");
/// assert_eq!(cell.imports[0].distribution, "opencv-python");
/// assert_eq!(cell.imports.len(), 1);
/// ```
#[must_use]
pub fn from_code_cell(text: &str) -> CodeCell {
    let mut out = CodeCell::default();
    if text.len() > MAX_CODE {
        return out;
    }
    let draft = Draft::new(text);
    let code = without_strings(text);
    let mut seen = BTreeSet::new();
    let is_shell = is_shell_cell(text);
    let mut at = 0;
    let mut continued: Option<usize> = None;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        // A command goes on behind a `\`.
        if raw.trim_end().ends_with('\\') {
            continued.get_or_insert(start);
            continue;
        }
        let from = continued.take().unwrap_or(start);
        let line = text.get(from..at).unwrap_or_default();
        let masked = code.get(from..at).unwrap_or_default();
        if let Some(command) = command(line, is_shell) {
            // Inside of a string nothing is a command.
            if masked.trim().is_empty() {
                continue;
            }
            let offset = from + (line.len() - command.len());
            install(command, offset, &draft, &mut out);
        } else if !is_shell {
            imports(masked, from, &draft, &mut seen, &mut out);
        }
    }
    out
}

/// The imports of `cell` whose distribution no pinned dependency of `manifests` and no pinned install of the cell gives, for the finding
/// `dependency-unpinned`. `is_local` says whether a top-level module is a file or folder of the repository.
#[must_use]
pub fn imports_without_pin(
    cell: &CodeCell,
    manifests: &[&Manifest],
    is_local: &mut dyn FnMut(&str) -> bool,
) -> Vec<Import> {
    let known: BTreeSet<String> = manifests
        .iter()
        .flat_map(|manifest| &manifest.dependencies)
        .chain(&cell.installs)
        .filter(|dependency| matches!(dependency.pinned, Pinned::Exact | Pinned::Locked | Pinned::Source))
        .filter_map(|dependency| match dependency.ecosystem {
            super::Ecosystem::PyPi => Some(dependency.name.clone()),
            super::Ecosystem::Conda => conda::pypi_name(&dependency.name),
            _ => None,
        })
        .collect();
    let own = |import: &Import| {
        manifests.iter().any(|manifest| {
            manifest.name.as_deref().is_some_and(|name| {
                super::normalise_name(super::Ecosystem::PyPi, name) == import.distribution
            })
        })
    };
    cell.imports
        .iter()
        .filter(|import| {
            let top = import.module.split('.').next().unwrap_or_default();
            !distributions_of(&import.module)
                .iter()
                .any(|one| known.contains(one))
                && !own(import)
                && !is_local(top)
        })
        .cloned()
        .collect()
}

fn is_shell_cell(text: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default();
    let magic = first.split_whitespace().next().unwrap_or_default();
    matches!(magic, "%%bash" | "%%sh" | "%%shell" | "%%script")
}

/// The words behind the mark of a command: `%pip …`, `!uv pip …`, in shell cells and after `%%capture` the bare line.
fn command(line: &str, is_shell: bool) -> Option<&str> {
    let line = line.trim_start();
    for mark in ["!!", "!", "%"] {
        if let Some(rest) = line.strip_prefix(mark) {
            return (!rest.starts_with('%')).then(|| rest.trim_start());
        }
    }
    // Without a mark where IPython's automagic takes it: `pip install x` is no Python.
    let is_bare = ["pip install ", "pip3 install ", "conda install "]
        .iter()
        .any(|start| line.starts_with(start));
    (is_shell || is_bare).then_some(line)
}

/// A word of a command line with its place in it.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

/// Splits a command line as a shell does, as far as package names need it; ends at a `;`, `|`, `&` or `>` outside of quotes. The text
/// behind that is returned.
fn words(line: &str) -> (Vec<Word>, usize) {
    let mut out = Vec::new();
    let mut open: Option<Word> = None;
    let mut quote = None;
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let literal = match (quote, c) {
            (Some(mark), c) if c == mark => {
                quote = None;
                None
            }
            (Some(_), c) => Some(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                None
            }
            (None, '\\') => match chars.next() {
                // A line goes on.
                Some((_, '\n' | '\r')) | None => {
                    out.extend(open.take());
                    continue;
                }
                Some((_, escaped)) => Some(escaped),
            },
            (None, c) if c.is_whitespace() => {
                out.extend(open.take());
                continue;
            }
            // `numpy>=1.0` without quotes is a redirection to a shell, but what is meant is clear.
            (None, '>' | '<') if open.is_some() && chars.peek().is_some_and(|(_, next)| *next == '=') => {
                Some(c)
            }
            (None, ';' | '|' | '&' | '>' | '<' | '#') if open.is_none() || c != '#' => {
                out.extend(open.take());
                return (out, end);
            }
            (None, c) => Some(c),
        };
        let word = open.get_or_insert_with(|| Word {
            text: String::new(),
            start: at,
            end,
        });
        word.text.extend(literal);
        word.end = end;
    }
    out.extend(open);
    (out, line.len())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Pip,
    Conda,
}

/// Options of pip, uv and conda whose value is a word of its own.
const VALUED: [&str; 40] = [
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--src",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--upgrade-strategy",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--proxy",
    "--timeout",
    "--retries",
    "--cache-dir",
    "--log",
    "--cert",
    "--client-cert",
    "--progress-bar",
    "--global-option",
    "--config-settings",
    "--python",
    "-p",
    "-n",
    "--name",
    "--channel",
    "--index",
    "--default-index",
    "--solver",
    "--exclude-newer",
    "--group",
    "--extra",
    "--index-strategy",
];

fn install(command: &str, offset: usize, draft: &Draft, out: &mut CodeCell) {
    let mut rest = command;
    let mut at = offset;
    // Several commands on a line.
    while !rest.is_empty() {
        let (words, length) = words(rest);
        one_install(&words, at, draft, out);
        rest = rest.get(length..).unwrap_or_default();
        at += length;
    }
}

fn one_install(words: &[Word], offset: usize, draft: &Draft, out: &mut CodeCell) {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let mut at = 0;
    while matches!(text(at), "sudo" | "-H" | "-E" | "time") {
        at += 1;
    }
    // `python -m pip`, `{sys.executable} -m pip`, `$PYTHON -m pip`.
    if text(at + 1) == "-m" && matches!(text(at + 2), "pip" | "uv") {
        at += 2;
    }
    let program = text(at).rsplit('/').next().unwrap_or_default();
    let (tool, at) = match (program, text(at + 1), text(at + 2)) {
        ("uv", "pip", "install") => (Tool::Pip, at + 3),
        ("uv" | "poetry" | "pdm", "add", _) => (Tool::Pip, at + 2),
        ("pip" | "pip3" | "pipenv" | "pipx", "install", _) => (Tool::Pip, at + 2),
        ("conda" | "mamba" | "micromamba", "install" | "create", _) => (Tool::Conda, at + 2),
        (pip, "install", _) if pip.starts_with("pip3.") => (Tool::Pip, at + 2),
        _ => return,
    };
    let mut is_value = false;
    let mut is_file = false;
    let mut is_editable = false;
    for word in words.get(at..).unwrap_or_default() {
        let text = word.text.as_str();
        if std::mem::take(&mut is_value) {
            continue;
        }
        if std::mem::take(&mut is_file) {
            out.requirement_files.push(text.to_owned());
            continue;
        }
        if text.starts_with('-') {
            match text {
                "-r" | "--requirement" | "--file" => is_file = true,
                "-c" | "--constraint" if tool == Tool::Pip => is_file = true,
                "-c" => is_value = true,
                "-e" | "--editable" => is_editable = true,
                _ => is_value = VALUED.contains(&text),
            }
            for long in ["--requirement=", "--file=", "--constraint="] {
                out.requirement_files
                    .extend(text.strip_prefix(long).map(str::to_owned));
            }
            continue;
        }
        // A variable's value is not known.
        if text.contains(['$', '{', '`']) {
            continue;
        }
        let span = offset + word.start..offset + word.end;
        let line = draft.line(span.start);
        let read = match tool {
            Tool::Conda => conda::specification(text, line, span),
            Tool::Pip if is_editable || requirements::is_place(text) => {
                requirements::from_place(text, line, span).ok()
            }
            Tool::Pip => pep508::dependency(text, line, span).ok(),
        };
        is_editable = false;
        out.installs.extend(read);
    }
}

/// `text` with blanks for what is inside of strings and comments, as long as before.
fn without_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => string_length(rest, c),
            _ => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
        };
        let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.extend(taken.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out
}

/// Length of the string literal that `rest` starts with. One of a single line ends with its line.
fn string_length(rest: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let is_triple = rest.starts_with(&triple);
    let mut at = if is_triple { 3 } else { 1 };
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '\\' => {
                let escaped = rest.get(at + 1..).and_then(|rest| rest.chars().next());
                at += 1 + escaped.map_or(0, char::len_utf8);
                continue;
            }
            '\n' if !is_triple => return at,
            c if c == quote && !is_triple => return at + 1,
            c if c == quote && rest.get(at..).is_some_and(|rest| rest.starts_with(&triple)) => {
                return at + 3;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    rest.len()
}

fn imports(line: &str, offset: usize, draft: &Draft, seen: &mut BTreeSet<String>, out: &mut CodeCell) {
    // Statements on one line, and `try: import x`.
    let mut at = 0;
    for statement in line.split(';') {
        let start = offset + at;
        at += statement.len() + 1;
        if statement.len() > MAX_STATEMENT {
            continue;
        }
        let body = statement
            .match_indices(": ")
            .map(|(colon, mark)| colon + mark.len())
            .find(|from| {
                statement
                    .get(*from..)
                    .is_some_and(|rest| is_import(rest.trim_start()))
            })
            .unwrap_or(0);
        let inner = statement.get(body..).unwrap_or_default();
        let trimmed = inner.trim_start();
        let start = start + body + (inner.len() - trimmed.len());
        if let Some(names) = trimmed.strip_prefix("import ") {
            let mut from = start + "import ".len();
            for part in names.split(',') {
                add(part, from, draft, seen, out);
                from += part.len() + 1;
            }
        } else if let Some(rest) = trimmed.strip_prefix("from ")
            && let Some((module, names)) = rest.split_once(" import")
        {
            let from = start + "from ".len();
            // `from google.cloud import storage`: what is named is a module.
            if is_namespace(module.trim()) {
                let from = start + (trimmed.len() - names.len());
                inside(module.trim(), names, from, draft, seen, out);
            } else {
                add(module, from, draft, seen, out);
            }
        }
    }
}

fn is_import(text: &str) -> bool {
    text.starts_with("import ") || (text.starts_with("from ") && text.contains(" import"))
}

/// Notes the module that `part` (`numpy as np`) starts with, at `offset`.
fn add(part: &str, offset: usize, draft: &Draft, seen: &mut BTreeSet<String>, out: &mut CodeCell) {
    // A line can go on before the name.
    let trimmed = part.trim_start_matches(|c: char| c.is_whitespace() || c == '\\');
    let start = offset + (part.len() - trimmed.len());
    let module = trimmed.split_whitespace().next().unwrap_or_default();
    let is_module = !module.is_empty()
        && module.len() <= 200
        && module.split('.').all(|name| {
            name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        });
    if !is_module || is_standard_library(module) || is_namespace(module) {
        return;
    }
    note(module, start..start + module.len(), draft, seen, out);
}

/// Notes the modules of a shared folder that are imported from it.
fn inside(
    folder: &str,
    names: &str,
    offset: usize,
    draft: &Draft,
    seen: &mut BTreeSet<String>,
    out: &mut CodeCell,
) {
    let mut at = offset;
    for part in names.split([',', '(', ')']) {
        let name = part.split_whitespace().next().unwrap_or_default();
        let start = at + part.find(name).unwrap_or(0);
        at += part.len() + 1;
        if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let module = format!("{folder}.{name}");
            note(&module, start..start + name.len(), draft, seen, out);
        }
    }
}

fn note(module: &str, span: Range<usize>, draft: &Draft, seen: &mut BTreeSet<String>, out: &mut CodeCell) {
    let Some(distribution) = distributions_of(module).into_iter().next() else {
        return;
    };
    if seen.insert(distribution.clone()) {
        out.imports.push(Import {
            module: module.to_owned(),
            distribution,
            line: draft.line(span.start),
            span,
        });
    }
}
