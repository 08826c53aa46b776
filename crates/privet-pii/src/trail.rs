//! What was written just before a surrogate: is it inside a URL or a link?
//!
//! A reply can be made to carry a surrogate out in an address that somebody's machine then fetches. So inside URLs,
//! link targets and HTML tags a value is restored only where the policy's list allows the address.

use crate::units::{self, Next, Syntax};

/// Bytes remembered. An address longer than that is treated as one that is not allowed.
const TRAIL_BYTES: usize = 2048;

/// URL prefixes in which values may be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlAllow {
    prefixes: Vec<String>,
    is_everywhere: bool,
}

impl UrlAllow {
    /// Each prefix is a scheme, a host and a path that ends in `/`, such as `https://intranet.example.com/`. Scheme and
    /// host are compared without regard to case.
    #[must_use]
    pub fn new(prefixes: &[String]) -> Self {
        Self {
            prefixes: prefixes.iter().map(|p| fold_host(p)).collect(),
            is_everywhere: false,
        }
    }

    /// Lets values be restored inside any address: for text that stays with its owner, never for a provider's reply.
    #[must_use]
    pub const fn everywhere() -> Self {
        Self {
            prefixes: Vec::new(),
            is_everywhere: true,
        }
    }

    fn allows(&self, address: &str) -> bool {
        let address = fold_host(address);
        // One address only: no second one in its query, no way back out of the path, nothing a reader could fold away.
        let is_plain = address.matches("://").count() == 1
            && !address.contains("/..")
            && !address.contains('\\')
            && !address.to_ascii_lowercase().contains("%2e")
            && !address.chars().any(|c| c.is_whitespace() || c.is_control());
        is_plain
            && self
                .prefixes
                .iter()
                .any(|prefix| address.starts_with(prefix.as_str()))
    }
}

/// The address with its scheme and host in lower case.
fn fold_host(address: &str) -> String {
    let host_start = address.find("://").map_or(0, |at| at + 3);
    let path = address
        .get(host_start..)
        .and_then(|rest| rest.find('/'))
        .map_or(address.len(), |at| host_start + at);
    let (head, tail) = address.split_at_checked(path).unwrap_or((address, ""));
    format!("{}{tail}", head.to_ascii_lowercase())
}

/// The last bytes of a text, as they were written.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    text: String,
    is_cut: bool,
    /// The last character of the surrogate that was written last, if nothing was written since.
    surrogate_end: Option<char>,
}

impl Trail {
    pub(crate) fn push(&mut self, plain: &str) {
        if !plain.is_empty() {
            self.surrogate_end = None;
        }
        self.text.push_str(plain);
        if self.text.len() > 2 * TRAIL_BYTES {
            let mut from = self.text.len() - TRAIL_BYTES;
            while !self.text.is_char_boundary(from) {
                from += 1;
            }
            self.text.drain(..from);
            self.is_cut = true;
        }
    }

    /// Notes that a surrogate or its value stood here. Its brackets do not end an address.
    pub(crate) fn push_surrogate(&mut self, written: &str, syntax: Syntax) {
        self.push("x");
        self.surrogate_end = units::last_char(written, syntax);
    }

    /// How often a value that is put here has to be escaped.
    pub(crate) fn escapes(&self, syntax: Syntax) -> usize {
        match syntax {
            Syntax::Text => 0,
            Syntax::Json if self.is_cut => 1,
            Syntax::Json => string_depth(&self.text).max(1),
        }
    }

    pub(crate) fn last_char(&self, syntax: Syntax) -> Option<char> {
        self.surrogate_end
            .or_else(|| units::last_char(&self.text, syntax))
    }

    /// Whether a value may be restored here.
    pub(crate) fn allows(&self, urls: &UrlAllow, syntax: Syntax) -> bool {
        if urls.is_everywhere {
            return true;
        }
        let decoded;
        let text = match syntax {
            Syntax::Text => self.text.as_str(),
            Syntax::Json => {
                decoded = decode(&self.text);
                &decoded
            }
        };
        match address(text, self.is_cut) {
            Place::Open => true,
            Place::Address(address) => urls.allows(address),
            Place::Unclear => false,
        }
    }
}

/// How many JSON strings lie inside each other at the end of `json`: 1 in a plain string, 2 in a string of a document
/// that is itself written in a string, and so on. A beginning that is cut off counts as plain.
pub(crate) fn string_depth(json: &str) -> usize {
    let mut open = None;
    let mut at = 0;
    while let Some(rest) = json.get(at..).filter(|r| !r.is_empty()) {
        match units::next(rest, Syntax::Json) {
            Next::Char('"', 1) => open = if open.is_some() { None } else { Some(at + 1) },
            Next::Cut => break,
            _ => {}
        }
        at += match units::next(rest, Syntax::Json) {
            Next::Char(_, length) => length,
            Next::Cut | Next::Invalid => 1,
        };
    }
    let Some(inside) = open.and_then(|from| json.get(from..)) else {
        return 0;
    };
    let inside = decode(inside);
    if inside.trim_start().starts_with(['{', '[']) {
        1 + string_depth(&inside)
    } else {
        1
    }
}

enum Place<'t> {
    /// Ordinary text.
    Open,
    /// Inside this address, as far as it is written.
    Address(&'t str),
    /// Inside a link or tag without a readable address.
    Unclear,
}

/// What the end of `text` is inside of.
fn address(text: &str, is_cut: bool) -> Place<'_> {
    let line = text.rsplit(['\n', '\r']).next().unwrap_or_default();
    let run_start = text.rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>'));
    let run = run_start.map_or(text, |at| text.get(at..).unwrap_or_default());
    let run = run.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>'));
    if run_start.is_none() && is_cut {
        return Place::Unclear;
    }
    if let Some(scheme_end) = run.find("://") {
        let head = run.get(..scheme_end).unwrap_or_default();
        let scheme = head.rfind(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
        let start = scheme.map_or(0, |at| {
            at + head
                .get(at..)
                .and_then(|s| s.chars().next())
                .map_or(1, char::len_utf8)
        });
        return Place::Address(run.get(start..).unwrap_or_default());
    }
    let is_address = run.contains("](") || starts_like_address(run) || is_reference(line) || is_in_link(line);
    if is_address || is_in_tag(text) {
        Place::Unclear
    } else {
        Place::Open
    }
}

/// `//host`, `www.host`, `host.tld/…`, `host.tld?…`, or a scheme that acts when opened.
fn starts_like_address(run: &str) -> bool {
    let run = run
        .trim_start_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != '\\')
        .to_lowercase();
    let acts = [
        "mailto:",
        "data:",
        "tel:",
        "sms:",
        "javascript:",
        "www.",
        "//",
        "\\\\",
        "/\\",
    ];
    if acts.iter().any(|start| run.starts_with(start)) {
        return true;
    }
    let Some(end) = run.find(['/', '?', '#']) else {
        return false;
    };
    let host = run.get(..end).unwrap_or_default();
    let top = host
        .rsplit_once('.')
        .map(|(_, top)| top.split(':').next().unwrap_or_default());
    top.is_some_and(|top| top.len() >= 2 && top.chars().all(char::is_alphabetic))
}

/// A Markdown link target that is not closed yet: `](`, and since then no `)`.
fn is_in_link(line: &str) -> bool {
    line.rfind("](")
        .is_some_and(|at| !line.get(at..).unwrap_or_default().contains(')'))
}

/// A Markdown reference definition: `[name]: `.
fn is_reference(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('[')
        && line
            .find("]:")
            .is_some_and(|at| !line.get(..at).unwrap_or_default().contains("]("))
}

/// An HTML tag with an attribute that is not closed yet.
fn is_in_tag(text: &str) -> bool {
    let Some(open) = text.rfind('<') else { return false };
    let tag = text.get(open + 1..).unwrap_or_default();
    tag.starts_with(|c: char| c.is_ascii_alphabetic()) && tag.contains('=') && !tag.contains('>')
}

fn decode(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    loop {
        match units::next(rest, Syntax::Json) {
            Next::Char(c, length) => {
                text.push(c);
                rest = rest.get(length..).unwrap_or_default();
            }
            Next::Invalid => rest = rest.get(1..).unwrap_or_default(),
            Next::Cut => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(before: &str) -> bool {
        let mut trail = Trail::default();
        trail.push(before);
        trail.allows(
            &UrlAllow::new(&["https://intranet.example.com/".to_owned()]),
            Syntax::Text,
        )
    }

    #[test]
    fn ordinary_text_is_open() {
        let open = [
            "",
            "write to ",
            "(see ",
            "a/b ",
            "**",
            "| ",
            "1. ",
            "[",
            "x < y and ",
            "see https://a.example/b and ",
            "name: ",
            "[1] ",
        ];
        let shut: Vec<_> = open.iter().filter(|t| !allows(t)).collect();
        assert!(shut.is_empty(), "{shut:?}");
    }

    #[test]
    fn addresses_off_the_list_are_shut_however_they_are_written() {
        let shut = [
            "https://evil.example/?q=",
            "![x](https://evil.example/",
            "[x](/path/",
            "[x](  ",
            "//evil.example/",
            "www.evil.example/",
            "evil.example/",
            "mailto:a@evil.example?body=",
            "<img src='https://evil.example/ ",
            "<a href=\"",
            "[1]: ",
            "[1]: <https://evil.example/a b ",
            "javascript:fetch('",
            "data:text/html,",
            "https://evil.example/?u=https://intranet.example.com/",
            "https://intranet.example.com@evil.example/",
            "https://intranet.example.com.evil.example/",
            "HTTPS://EVIL.example/",
            "https://intranet.example.com/?next=https://evil.example/",
            "https://intranet.example.com/../",
            "https://",
            "[x](https://intranet.example.com/a b",
        ];
        let open: Vec<_> = shut.iter().filter(|t| allows(t)).collect();
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn addresses_on_the_list_are_open() {
        let open = [
            "https://intranet.example.com/user/",
            "[x](https://intranet.example.com/?q=",
            "(HTTPS://Intranet.Example.com/",
        ];
        let shut: Vec<_> = open.iter().filter(|t| !allows(t)).collect();
        assert!(shut.is_empty(), "{shut:?}");
    }

    #[test]
    fn documents_inside_strings_are_counted() {
        assert_eq!(string_depth(r#"{"a":"x "#), 1);
        assert_eq!(string_depth(r#"{"a":"say \"hi"#), 1);
        assert_eq!(string_depth(r#"{"a":"{\"b\":\"x"#), 2);
        assert_eq!(string_depth(r#"{"a":"[\"{\\\"b\\\":\\\""#), 3);
        assert_eq!(string_depth(r#"{"a":"x","b":"#), 0);
    }

    #[test]
    fn an_address_longer_than_the_trail_is_shut() {
        assert!(!allows(&format!(
            "https://intranet.example.com/{}",
            "a".repeat(3 * TRAIL_BYTES)
        )));
    }

    #[test]
    fn escaped_slashes_in_tool_arguments_hide_no_address() {
        let mut trail = Trail::default();
        trail.push(r#"{"url":"https:\/\/evil.example\/?q="#);
        assert!(!trail.allows(&UrlAllow::default(), Syntax::Json));
        let mut trail = Trail::default();
        trail.push(r#"{"url":"https\u003a\u002f/evil.example\/","to":""#);
        assert!(trail.allows(&UrlAllow::default(), Syntax::Json));
    }
}
