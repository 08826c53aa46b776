//! Which addresses may stand.

use html5gum::{Token, Tokenizer};
use url::Url;

use super::ChannelsConfig;
use crate::controls::{Control, Error};

/// Schemes whose addresses are programs.
const RUNS: &[&str] = &["javascript", "livescript", "mocha", "vbscript"];

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// To a host on the list, or by a scheme on it.
    Allowed,
    /// To where the reply is shown.
    Home,
    /// Elsewhere, or nobody knows where.
    Off,
}

#[derive(Debug)]
pub(in crate::controls) struct Hosts {
    entries: Vec<Entry>,
    schemes: Vec<String>,
    allows_relative: bool,
    base: Url,
}

#[derive(Debug)]
struct Entry {
    host: String,
    port: Option<u16>,
    is_below: bool,
    path: String,
}

impl Hosts {
    pub(in crate::controls) fn new(config: &ChannelsConfig) -> Result<Self, Error> {
        let bad = |key: String, problem: &str| Error::config(Control::Channels, key, problem);
        let mut entries = Vec::new();
        for (index, written) in config.hosts.iter().enumerate() {
            let key = || format!("hosts {}", index + 1);
            let problem =
                "use a host, `*.` and a host, or a host and the beginning of a path that ends in `/`";
            let (is_below, rest) = match written.strip_prefix("*.") {
                Some(rest) => (true, rest),
                None => (false, written.as_str()),
            };
            let is_odd = rest.contains(['*', '@', '\\', '?', '#']) || rest.contains("://");
            let parsed = Url::parse(&format!("https://{rest}")).map_err(|_| bad(key(), problem))?;
            let host = parsed.host_str().unwrap_or_default();
            if is_odd || host.is_empty() || !parsed.path().ends_with('/') {
                return Err(bad(key(), problem));
            }
            entries.push(Entry {
                host: host.to_owned(),
                port: parsed.port(),
                is_below,
                path: parsed.path().to_owned(),
            });
        }
        let schemes: Vec<String> = config.schemes.iter().map(|s| s.to_ascii_lowercase()).collect();
        let is_scheme = |s: &String| {
            s.starts_with(|c: char| c.is_ascii_lowercase())
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        };
        let acts = |s: &String| matches!(s.as_str(), "javascript" | "vbscript" | "data" | "http" | "https");
        if let Some(at) = schemes.iter().position(|s| !is_scheme(s) || acts(s)) {
            let problem =
                "use a scheme without `:`; `http` and `https` go by `hosts`, and what runs code never passes";
            return Err(bad(format!("schemes {}", at + 1), problem));
        }
        let base =
            Url::parse("https://here.invalid/").map_err(|_| bad("hosts".to_owned(), "cannot be read"))?;
        Ok(Self {
            entries,
            schemes,
            allows_relative: config.relative,
            base,
        })
    }

    /// Whether some entry holds for a part of a host only, so that the path counts.
    pub(super) fn has_paths(&self) -> bool {
        self.entries.iter().any(|entry| entry.path != "/")
    }

    pub(super) fn allows_scheme(&self, scheme: &str) -> bool {
        self.schemes.iter().any(|s| s.eq_ignore_ascii_case(scheme))
    }

    /// Whether `address`, as it is written in a link or an attribute, may stand: read as it is, and with the escapes of Markdown and of
    /// HTML undone.
    pub(in crate::controls) fn lets(&self, address: &str) -> bool {
        self.lets_with(address, self.allows_relative)
    }

    /// The same for what may be no address, but words.
    pub(super) fn lets_words(&self, text: &str) -> bool {
        self.lets_with(text, true)
    }

    /// By what rule a whole value may not stand that is an address where it is used, although it is none in a text. None if it is no
    /// such value, or may.
    pub(super) fn refuses_value(&self, value: &str) -> Option<&'static str> {
        // As the WHATWG URL Standard reads it.
        let trimmed = value.trim_matches(|c: char| c <= ' ');
        let plain: String = trimmed
            .chars()
            .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
            .collect();
        let is_one_word = !plain.contains(char::is_whitespace);
        if plain.starts_with(['/', '\\']) {
            let mut rest = plain.chars().skip(1);
            let is_host = rest.next().is_some_and(|c| matches!(c, '/' | '\\'))
                && rest.next().is_some_and(char::is_alphanumeric);
            return (is_host && is_one_word && !self.lets(&plain)).then_some("channels/bare");
        }
        let (scheme, rest) = plain.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" => {
                (is_one_word && !rest.is_empty() && !self.lets(&plain)).then_some("channels/bare")
            }
            "data" => is_data(rest).then_some("channels/scheme"),
            _ if RUNS.contains(&scheme.as_str()) => is_program(rest).then_some("channels/scheme"),
            _ => None,
        }
    }

    fn lets_with(&self, address: &str, allows_home: bool) -> bool {
        let lets = |text: &str| match self.leads(text) {
            Leads::Allowed => true,
            Leads::Home => allows_home,
            Leads::Off => false,
        };
        let plain = without_backslashes(address);
        lets(address) && lets(&plain) && lets(&without_entities(&plain)) && lets(&without_entities(address))
    }

    /// Where `address` leads, by the rules of the WHATWG URL Standard, which browsers follow.
    pub(super) fn leads(&self, address: &str) -> Leads {
        // `https:evil.example` is a path on a page of that scheme, and a host on every other: it is taken for a host.
        let Ok(url) = Url::parse(address).or_else(|_| self.base.join(address)) else {
            return Leads::Off;
        };
        if !matches!(url.scheme(), "http" | "https") {
            return if self.allows_scheme(url.scheme()) {
                Leads::Allowed
            } else {
                Leads::Off
            };
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Leads::Off;
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        if Some(host) == self.base.host_str() {
            return Leads::Home;
        }
        let fits = |entry: &Entry| {
            let is_host = if entry.is_below {
                host.strip_suffix(entry.host.as_str())
                    .is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
            } else {
                host == entry.host
            };
            // What a server decodes may lead out of the path.
            let is_plain = !url.path().contains('%') && !url.path().contains("//");
            is_host
                && url.port() == entry.port
                && (entry.path == "/" || (is_plain && url.path().starts_with(&entry.path)))
        };
        if self.entries.iter().any(fits) {
            Leads::Allowed
        } else {
            Leads::Off
        }
    }
}

/// Whether `data:` and this is an address that holds a document (RFC 2397), and no list of data.
fn is_data(rest: &str) -> bool {
    let Some((head, _)) = rest.split_once(',') else {
        return false;
    };
    let kind = head.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    let names_kind = kind
        .split_once('/')
        .is_some_and(|(a, b)| is_token(a) && is_token(b));
    names_kind || (kind.is_empty() && !rest.starts_with(char::is_whitespace))
}

/// Whether the name of a language and this is a program, and no word about it.
fn is_program(rest: &str) -> bool {
    let is_close = rest.starts_with(|c: char| !c.is_whitespace());
    is_close || rest.contains(['(', '`', '=', '['])
}

/// Without backslashes before ASCII punctuation (CommonMark 2.4).
fn without_backslashes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\\'
            && let Some(next) = rest.next_if(char::is_ascii_punctuation)
        {
            plain.push(next);
        } else {
            plain.push(c);
        }
    }
    plain
}

/// With HTML's character references resolved.
pub(super) fn without_entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let text = text.replace('<', "&lt;");
    let mut plain = String::with_capacity(text.len());
    for token in Tokenizer::new(&text) {
        let Ok(token) = token;
        if let Token::String(part) = token {
            plain.push_str(&String::from_utf8_lossy(&part.value));
        }
    }
    plain
}
