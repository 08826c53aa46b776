//! What stands at a position: an address, the destination of a link, an attribute's value, an element that acts.

use std::cell::Cell;

use super::hosts::{Hosts, without_entities};
use super::tag::Tags;
use super::{Dropping, REMOVED};

/// Bytes that are looked at from a position on. What is longer is judged as off the list.
const MOST: usize = 2048;
/// Bytes of scheme, host and port.
const MOST_AUTHORITY: usize = 512;
/// Letters of a scheme.
const MOST_SCHEME: usize = 32;

/// Elements that fetch or run something by other ways than an address in an attribute.
const ACTIVE: &[&str] = &[
    "applet",
    "base",
    "embed",
    "fencedframe",
    "frame",
    "frameset",
    "iframe",
    "link",
    "math",
    "meta",
    "object",
    "portal",
    "script",
    "style",
    "svg",
    "template",
];

/// Schemes that do something without `//` behind them.
const ACTING: &[&str] = &[
    "about",
    "blob",
    "data",
    "facetime",
    "file",
    "filesystem",
    "intent",
    "javascript",
    "jar",
    "livescript",
    "mailto",
    "market",
    "mocha",
    "sms",
    "tel",
    "vbscript",
    "view-source",
];

/// Attributes that hold an address or several.
const ADDRESSES: &[&str] = &[
    "action",
    "archive",
    "attributionsrc",
    "background",
    "cite",
    "classid",
    "codebase",
    "dynsrc",
    "formaction",
    "href",
    "icon",
    "imagesrcset",
    "longdesc",
    "lowsrc",
    "manifest",
    "ping",
    "poster",
    "profile",
    "src",
    "srcset",
    "usemap",
    "xlink:href",
    "xml:base",
];

/// Those of them that hold several.
const LISTS: &[&str] = &["archive", "attributionsrc", "imagesrcset", "ping", "srcset"];

/// What is to be done at a position.
pub(super) enum Look {
    /// The first character may pass.
    Pass,
    /// More text is needed.
    Unfinished,
    Removed(Removal),
}

/// So many bytes go, this text stands in their place, and this is dropped behind them.
pub(super) struct Removal {
    pub(super) length: usize,
    pub(super) text: String,
    pub(super) dropping: Option<Dropping>,
    pub(super) rule: &'static str,
}

fn removed(length: usize, text: impl Into<String>, dropping: Option<Dropping>, rule: &'static str) -> Look {
    Look::Removed(Removal {
        length,
        text: text.into(),
        dropping,
        rule,
    })
}

/// A position in a text.
pub(super) struct Looking<'a> {
    pub(super) hosts: &'a Hosts,
    pub(super) previous: Option<char>,
    /// Characters directly before that could be a scheme's.
    pub(super) run: usize,
    pub(super) tags: &'a Tags,
    pub(super) rest: &'a str,
    pub(super) is_end: bool,
}

/// Where something ends.
enum End {
    /// At this byte, be it the end of the text.
    At(usize),
    /// Nothing in as many bytes as are looked at.
    TooFar,
    Unknown,
}

impl Looking<'_> {
    pub(super) fn look(&self) -> Look {
        for attribute in self.tags.values() {
            match self.value(attribute) {
                Look::Pass => {}
                other => return other,
            }
        }
        match self.rest.as_bytes().first() {
            Some(b']') => self.bracket(),
            Some(b'[') => self.wiki(),
            Some(b'<') => self.angle(),
            // The colon of a scheme was judged with it, unless it is longer than schemes are.
            Some(b':') if self.run == 0 || self.run >= MOST_SCHEME => self.slashes(0),
            Some(b)
                if b.is_ascii_alphanumeric() && !self.previous.is_some_and(|c| c.is_ascii_alphanumeric()) =>
            {
                self.word()
            }
            _ => Look::Pass,
        }
    }

    /// Where `is_wanted` first holds at or behind `from`, within `most` bytes of the position.
    fn find(&self, from: usize, most: usize, is_wanted: impl Fn(char) -> bool) -> End {
        let seen = self.rest.get(from..).unwrap_or_default();
        for (at, c) in seen.char_indices() {
            if from + at >= most {
                return End::TooFar;
            }
            if is_wanted(c) {
                return End::At(from + at);
            }
        }
        if self.is_end {
            End::At(self.rest.len())
        } else if self.rest.len() >= most {
            End::TooFar
        } else {
            End::Unknown
        }
    }

    /// `](` and `]:`, and the destination behind them.
    fn bracket(&self) -> Look {
        let (is_inline, rule) = match self.rest.as_bytes().get(1) {
            None if !self.is_end => return Look::Unfinished,
            Some(b'(') => (true, "channels/inline"),
            Some(b':') => (false, "channels/reference"),
            _ => return Look::Pass,
        };
        let is_below = Cell::new(false);
        // In a quotation the sign at the start of the next line belongs to no address.
        let is_between = |c: char| {
            is_below.set(is_below.get() || matches!(c, '\n' | '\r'));
            c.is_whitespace() || (c == '>' && is_below.get())
        };
        let begin = match self.find(2, MOST, |c| !is_between(c)) {
            End::At(at) => at,
            End::TooFar => return Look::Pass,
            End::Unknown => return Look::Unfinished,
        };
        let space = self.rest.get(2..begin).unwrap_or_default();
        if space.matches('\n').count() > 1 {
            return Look::Pass;
        }
        let is_angle = self.rest.as_bytes().get(begin) == Some(&b'<');
        let (from, end) = if is_angle {
            (
                begin + 1,
                self.find(begin + 1, MOST, |c| matches!(c, '>' | '\n' | '\r')),
            )
        } else {
            (begin, self.destination(begin))
        };
        let destination = match end {
            End::At(at) => self.rest.get(from..at),
            End::TooFar => None,
            End::Unknown => return Look::Unfinished,
        };
        // What stands behind `]:` is a destination only at the start of a line, and else words: those lead nowhere.
        let lets = |address: &str| {
            if is_inline {
                self.hosts.lets(address)
            } else {
                self.hosts.lets_words(address)
            }
        };
        if destination.is_some_and(lets) {
            return Look::Pass;
        }
        let mut text = String::from(if is_inline { "] " } else { "]: " });
        text.push_str(REMOVED);
        if is_inline {
            // The parenthesis that ends the link stays.
            text.pop();
        }
        let dropping = if is_angle {
            Dropping::Angle
        } else {
            Dropping::Destination(0)
        };
        removed(from, text, Some(dropping), rule)
    }

    /// `[[` and the page behind it, in Markdown of wikis.
    fn wiki(&self) -> Look {
        match self.rest.as_bytes().get(1) {
            None if !self.is_end => return Look::Unfinished,
            Some(b'[') => {}
            _ => return Look::Pass,
        }
        let page = match self.find(2, MOST, |c| matches!(c, ']' | '|' | '\n' | '\r')) {
            End::At(at) => self.rest.get(2..at),
            End::TooFar => None,
            End::Unknown => return Look::Unfinished,
        };
        if page.is_some_and(|page| self.hosts.lets_words(page.trim())) {
            Look::Pass
        } else {
            removed(2, "[ [", None, "channels/wiki")
        }
    }

    /// The end of a destination without angle brackets: a space, or a parenthesis that none opened.
    fn destination(&self, from: usize) -> End {
        let open = Cell::new(0_usize);
        let is_escaped = Cell::new(false);
        self.find(from, MOST, |c| {
            if is_escaped.replace(c == '\\' && !is_escaped.get()) && c.is_ascii_punctuation() {
                return false;
            }
            match c {
                '(' => open.set(open.get() + 1),
                ')' if open.get() == 0 => return true,
                ')' => open.set(open.get() - 1),
                _ => return c.is_whitespace(),
            }
            false
        })
    }

    /// `<` and what it opens.
    fn angle(&self) -> Look {
        let end = match self.find(1, MOST_SCHEME + 2, |c| !is_scheme(c)) {
            End::At(at) => at,
            End::TooFar => return Look::Pass,
            End::Unknown => return Look::Unfinished,
        };
        let name = self.rest.get(1..end).unwrap_or_default().to_ascii_lowercase();
        if ACTIVE.contains(&name.as_str()) || (self.tags.is_full() && !name.is_empty()) {
            return removed(1, "&lt;", None, "channels/element");
        }
        if self.rest.as_bytes().get(end) != Some(&b':') {
            return Look::Pass;
        }
        let is_web = matches!(name.as_str(), "http" | "https");
        let behind = self.rest.get(end + 1..).unwrap_or_default();
        if is_web && behind.len() < 2 && !self.is_end {
            return Look::Unfinished;
        }
        let acts = ACTING.contains(&name.as_str()) || name.starts_with("ms-") || name.starts_with("web+");
        let is_odd = is_web && !behind.starts_with("//");
        if is_odd || (acts && !self.hosts.allows_scheme(&name)) {
            return removed(1, "&lt;", None, "channels/scheme");
        }
        let is_scheme = name.len() >= 2 && name.starts_with(|c: char| c.is_ascii_lowercase());
        if !is_scheme || is_web || self.hosts.allows_scheme(&name) {
            return Look::Pass;
        }
        // An autolink, whatever the scheme (CommonMark 6.5): nobody knows what answers to it. An element with a prefix, as XML has them,
        // is told from one by the blank behind its name only. Blanks behind a quotation mark, and further `<`, may yet be taken out.
        let is_quoted = Cell::new(false);
        match self.find(end + 1, MOST, |c| {
            is_quoted.set(is_quoted.get() || matches!(c, '"' | '\''));
            c == '>' || (!is_quoted.get() && (c.is_ascii_control() || c == ' '))
        }) {
            End::At(at) if self.rest.as_bytes().get(at) != Some(&b'>') => Look::Pass,
            End::At(_) | End::TooFar => removed(1, "&lt;", None, "channels/scheme"),
            End::Unknown => Look::Unfinished,
        }
    }

    /// A word that may be the scheme of an address, or `www.`.
    fn word(&self) -> Look {
        let end = match self.find(0, MOST_SCHEME, |c| !is_scheme(c)) {
            End::At(at) => at,
            End::TooFar => MOST_SCHEME,
            End::Unknown => return Look::Unfinished,
        };
        let word = self.rest.get(..end).unwrap_or_default();
        if word
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("www."))
        {
            return self.address(0, 0);
        }
        if !self.rest.get(end..).unwrap_or_default().starts_with(':') {
            return Look::Pass;
        }
        self.slashes(end)
    }

    /// The colon at `colon`, and two slashes behind it, if there are.
    fn slashes(&self, colon: usize) -> Look {
        let behind = self.rest.get(colon + 1..).unwrap_or_default();
        let mut slashes = behind.bytes();
        match (slashes.next(), slashes.next()) {
            (None, _) | (Some(b'/' | b'\\'), None) if !self.is_end => Look::Unfinished,
            (Some(b'/' | b'\\'), Some(b'/' | b'\\')) => self.address(colon, colon + 3),
            _ => Look::Pass,
        }
    }

    /// An address whose scheme ends at `scheme` and whose host begins at `host`; without a scheme it is one of the web.
    fn address(&self, scheme: usize, host: usize) -> Look {
        let is_end =
            |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\\' | '<' | '>' | ']' | '^' | '|');
        // More slashes than two are read as two.
        let first = match self.find(host, MOST_AUTHORITY, |c| !matches!(c, '/' | '\\')) {
            End::At(at) => at,
            End::TooFar => return self.bare(),
            End::Unknown => return Look::Unfinished,
        };
        let is_literal = self.rest.as_bytes().get(first) == Some(&b'[');
        let close = |c: char| is_end(c) && !(is_literal && c == ']');
        let end = match self.find(first, MOST_AUTHORITY, close) {
            End::At(at) => at,
            End::TooFar => return self.bare(),
            End::Unknown => return Look::Unfinished,
        };
        let authority = self.rest.get(first..end).unwrap_or_default();
        let path_end = if self.hosts.has_paths() {
            let is_path_end =
                |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | ')' | ']' | '|' | '\'');
            match self.find(end, MOST, is_path_end) {
                End::At(at) => at,
                End::TooFar => return self.bare(),
                End::Unknown => return Look::Unfinished,
            }
        } else {
            end
        };
        let path = self.rest.get(end..path_end).unwrap_or_default();
        let scheme = self
            .rest
            .get(..scheme)
            .filter(|s| !s.is_empty())
            .unwrap_or("https");
        let Some(host) = host_of(authority) else {
            return self.bare();
        };
        // In angle brackets no sentence goes on behind the host.
        if self.previous == Some('<') && host.len() < authority.len() {
            return self.bare();
        }
        if host.is_empty() && path.is_empty() && !matches!(scheme, "file") {
            // `http://` and nothing behind it.
            return Look::Pass;
        }
        // Readers differ on where an address ends; where it goes on behind the host, both readings have to be allowed.
        let path = if host.len() == authority.trim_end_matches(is_closing).len() {
            path
        } else {
            ""
        };
        if self.hosts.lets(&format!("{scheme}://{host}{path}")) {
            Look::Pass
        } else {
            self.bare()
        }
    }

    fn bare(&self) -> Look {
        let first = self.rest.chars().next().map_or(0, char::len_utf8);
        removed(first, REMOVED, Some(Dropping::Address), "channels/bare")
    }

    /// The value of an attribute.
    fn value(&self, attribute: &str) -> Look {
        if !matters(attribute) {
            return Look::Pass;
        }
        let Some(first) = self
            .rest
            .chars()
            .next()
            .filter(|c| !c.is_whitespace() && *c != '>')
        else {
            return Look::Pass;
        };
        let quote = Some(first).filter(|c| matches!(c, '"' | '\''));
        let from = quote.map_or(0, char::len_utf8);
        let end = match quote {
            Some(quote) => self.find(from, MOST, |c| c == quote),
            None => self.find(from, MOST, |c| c.is_whitespace() || c == '>'),
        };
        let value = match end {
            End::At(at) => self.rest.get(from..at),
            End::TooFar => None,
            End::Unknown => return Look::Unfinished,
        };
        let rule = if is_handler(attribute) {
            "channels/handler"
        } else {
            "channels/attribute"
        };
        if value.is_some_and(|value| self.lets_value(attribute, &without_entities(value))) {
            return Look::Pass;
        }
        match quote {
            Some(quote) => removed(from, quote, Some(Dropping::Quoted(quote)), rule),
            None => removed(first.len_utf8(), "\"\"", Some(Dropping::Unquoted), rule),
        }
    }

    fn lets_value(&self, attribute: &str, value: &str) -> bool {
        // Browsers skip these wherever they stand in an address.
        let skipped = |c: &char| !matches!(c, '\t' | '\n' | '\r');
        let plain: String = value.chars().filter(skipped).collect();
        let unquoted: String = unquoted(value).chars().filter(skipped).collect();
        self.lets_plain(attribute, &plain) && self.lets_plain(attribute, &unquoted)
    }

    fn lets_plain(&self, attribute: &str, value: &str) -> bool {
        if LISTS.contains(&attribute) {
            let parts = value.split(|c: char| c == ',' || c.is_whitespace());
            return parts
                .filter(|part| !part.is_empty())
                .all(|part| self.hosts.lets(part));
        }
        match attribute {
            "style" => is_plain_css(value),
            _ => ADDRESSES.contains(&attribute) && self.hosts.lets(value),
        }
    }
}

/// A text as it is without the signs and blanks at the start of its lines that make it a quotation or list of Markdown's.
fn unquoted(text: &str) -> String {
    let mut lines = text.split(['\n', '\r']);
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |all, line| all + line.trim_start_matches([' ', '\t', '>']))
}

/// Whether an attribute's value can fetch or run something.
fn matters(attribute: &str) -> bool {
    is_handler(attribute) || ADDRESSES.contains(&attribute) || matches!(attribute, "style" | "srcdoc")
}

fn is_handler(attribute: &str) -> bool {
    attribute.len() > 4 && attribute.starts_with("on")
}

pub(super) fn is_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// Whether a style can fetch nothing.
fn is_plain_css(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    let fetches = [
        "url",
        "import",
        "image",
        "src(",
        "\\",
        "expression",
        "behavior",
        "binding",
        "/*",
    ];
    !fetches.iter().any(|word| style.contains(word))
}

/// The host and port in an authority, without what a sentence puts behind it. None if readers could differ on whose it is.
fn host_of(authority: &str) -> Option<&str> {
    if authority.contains(['@', '%']) {
        return None;
    }
    let trimmed = authority.trim_end_matches(is_closing);
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let Some(odd) = trimmed.find(|c: char| !is_host(c)) else {
        return Some(trimmed);
    };
    let (host, behind) = trimmed.split_at_checked(odd)?;
    // Somebody's name server may answer for `good.example,x.evil.example`.
    let could_go_on = behind.contains(['.', '。', '．', '｡']);
    (!could_go_on).then(|| host.trim_end_matches(is_closing))
}

fn is_closing(c: char) -> bool {
    matches!(
        c,
        '.' | ',' | ';' | ':' | '!' | '?' | ')' | '"' | '\'' | '`' | '*' | '_' | '~' | '}' | '’' | '”' | '»'
    )
}
