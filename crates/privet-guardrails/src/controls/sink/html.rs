//! HTML of harmless elements alone.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Said;
use crate::controls::Error;
use crate::controls::channels::{ChannelsConfig, Hosts};

/// Elements that are open at once.
const MOST_OPEN: usize = 128;

/// A page (`kind = "html"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HtmlConfig {
    /// Whether markup may stand at all; else all is shown as text.
    pub markup: bool,
    /// Hosts of links and images, as in `[guardrails.replies.channels]`.
    pub hosts: Vec<String>,
    /// Whether addresses without a host may stand.
    pub relative: bool,
    /// Whether `class` and `id` may stand.
    pub class: bool,
}

impl Default for HtmlConfig {
    fn default() -> Self {
        Self {
            markup: true,
            hosts: Vec::new(),
            relative: true,
            class: false,
        }
    }
}

/// Elements that only say what a text is.
const PLAIN: &[&str] = &[
    "a",
    "abbr",
    "b",
    "bdi",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Elements without an end.
const VOID: &[&str] = &["br", "col", "hr", "img", "wbr"];

/// Elements whose inside is no text.
const INSIDE: &[&str] = &[
    "applet", "audio", "canvas", "embed", "form", "frameset", "head", "iframe", "math", "noembed",
    "noframes", "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title",
    "video", "xmp",
];

/// Attributes that only say how.
const HARMLESS: &[&str] = &[
    "align", "alt", "colspan", "datetime", "dir", "height", "lang", "open", "rowspan", "scope", "span",
    "start", "title", "type", "width",
];

#[derive(Debug)]
pub(super) struct Html {
    config: HtmlConfig,
    hosts: Hosts,
}

impl Html {
    pub(super) fn new(config: &HtmlConfig) -> Result<Self, Error> {
        let channels = ChannelsConfig {
            hosts: config.hosts.clone(),
            relative: config.relative,
            ..ChannelsConfig::default()
        };
        Ok(Self {
            config: config.clone(),
            hosts: Hosts::new(&channels)?,
        })
    }

    /// `html` made anew of what may stand: harmless elements with harmless attributes, each closed in order, and text. So no reader,
    /// however it repairs what is broken, finds anything else in it.
    pub(super) fn clean(&self, html: &str) -> Said {
        let mut page = Page {
            html: self,
            out: String::with_capacity(html.len()),
            open: Vec::new(),
            inside: None,
            is_changed: false,
        };
        if !self.config.markup {
            escape(html, &mut page.out);
            return Said::Rewritten(page.out);
        }
        let mut emitter: DefaultEmitter<()> = DefaultEmitter::default();
        // Of scripts, styles and the like the inside is not read as markup.
        emitter.naively_switch_states(true);
        for token in Tokenizer::new_with_emitter(html, emitter) {
            let Ok(token) = token;
            page.token(token);
        }
        while let Some(name) = page.open.pop() {
            page.close(&name);
        }
        if page.is_changed {
            Said::Cleaned(page.out)
        } else {
            Said::Rewritten(page.out)
        }
    }
}

struct Page<'h> {
    html: &'h Html,
    out: String,
    open: Vec<String>,
    /// The element whose inside is left out, and how many of its name are open in it.
    inside: Option<(String, usize)>,
    is_changed: bool,
}

impl Page<'_> {
    fn token(&mut self, token: Token) {
        match token {
            Token::String(text) => {
                if self.inside.is_none() {
                    escape(&String::from_utf8_lossy(&text.value), &mut self.out);
                }
            }
            Token::StartTag(tag) => self.start(&tag),
            Token::EndTag(tag) => self.end(&String::from_utf8_lossy(&tag.name)),
            Token::Comment(_) | Token::Doctype(_) => self.is_changed = true,
            Token::Error(_) => {}
        }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        if let Some((inside, count)) = &mut self.inside {
            *count += usize::from(*inside == name && !tag.self_closing);
            return;
        }
        if !PLAIN.contains(&name.as_str()) || self.open.len() >= MOST_OPEN {
            self.is_changed = true;
            let is_empty = tag.self_closing || name == "embed";
            self.inside = (INSIDE.contains(&name.as_str()) && !is_empty).then_some((name, 1));
            return;
        }
        self.out.push('<');
        self.out.push_str(&name);
        for (attribute, value) in &tag.attributes {
            let attribute = String::from_utf8_lossy(attribute).into_owned();
            let value = String::from_utf8_lossy(&value.value).into_owned();
            if self.allows(&name, &attribute, &value) {
                self.out.push(' ');
                self.out.push_str(&attribute);
                self.out.push_str("=\"");
                escape(&value, &mut self.out);
                self.out.push('"');
            } else {
                self.is_changed = true;
            }
        }
        self.out.push('>');
        if !VOID.contains(&name.as_str()) {
            self.open.push(name);
        }
    }

    fn allows(&self, element: &str, attribute: &str, value: &str) -> bool {
        match (element, attribute) {
            ("a", "href") | ("img", "src") | ("blockquote" | "q" | "del" | "ins", "cite") => {
                self.html.hosts.lets(value)
            }
            (_, "class" | "id") => self.html.config.class,
            _ => HARMLESS.contains(&attribute),
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((inside, count)) = &mut self.inside {
            *count -= usize::from(inside == name);
            if *count == 0 {
                self.inside = None;
            }
            return;
        }
        let Some(at) = self.open.iter().rposition(|open| open == name) else {
            self.is_changed |= !VOID.contains(&name);
            return;
        };
        while self.open.len() > at {
            if let Some(open) = self.open.pop() {
                self.close(&open);
            }
        }
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }
}

/// `text` as it is written in HTML, in text and in quoted attributes.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
}
