//! Whether a text is inside an HTML start tag, and where there: the states of the HTML standard's tokeniser that matter.
//!
//! What one reader takes for a tag is text, a comment or a quotation to another. So each `<` with a letter behind it may begin a tag,
//! whatever stands before it, and all tags that may be open are followed at once.

/// Characters of names that are remembered; no name that matters is longer.
const MOST_NAME: usize = 32;

/// Tags that are followed at once.
const MOST_TAGS: usize = 16;

/// The tags that may be open.
#[derive(Debug, Clone, Default)]
pub(super) struct Tags {
    all: Vec<Tag>,
    is_behind_open: bool,
    /// Whether nothing but blanks and quotation marks of Markdown stands before on the line.
    is_at_line_start: bool,
}

/// Where in a tag the text is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    place: Place,
    attribute: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Element,
    /// Before, in or behind an attribute's name.
    Attribute,
    /// Behind the name, at spaces.
    Behind,
    /// Behind `=`.
    Value,
    Quoted(char),
    Unquoted,
}

impl Tags {
    /// The attributes, in lower case, whose value may begin with the next character, unless that is a space.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        let at_value = self.all.iter().filter(|tag| tag.place == Place::Value);
        at_value.map(|tag| tag.attribute.as_str())
    }

    /// Whether no more can be followed.
    pub(super) fn is_full(&self) -> bool {
        self.all.len() >= MOST_TAGS
    }

    pub(super) fn step(&mut self, c: char) {
        // In a quotation of Markdown's the sign at the start of a line belongs to no tag.
        let is_quotation = self.is_at_line_start && matches!(c, '>' | ' ' | '\t');
        if !is_quotation {
            self.all.iter_mut().for_each(|tag| tag.step(c));
            self.all.retain(|tag| tag.place != Place::Outside);
        }
        if self.is_behind_open && c.is_ascii_alphabetic() {
            let tag = Tag {
                place: Place::Element,
                attribute: String::new(),
            };
            self.all.push(tag);
        }
        self.all.dedup();
        self.is_behind_open = c == '<';
        self.is_at_line_start = matches!(c, '\n' | '\r') || is_quotation;
    }
}

impl Tag {
    fn step(&mut self, c: char) {
        use Place::{Attribute, Behind, Element, Outside, Quoted, Unquoted, Value};
        let is_space = matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        self.place = match (self.place, c) {
            (Outside, _) => Outside,
            (Quoted(quote), c) if c == quote => self.next_attribute(),
            (Quoted(quote), _) => Quoted(quote),
            (_, '>') => Outside,
            (Element, '/') => self.next_attribute(),
            (Element, _) if is_space => self.next_attribute(),
            (Element, _) => Element,
            (Attribute | Behind, '/') => self.next_attribute(),
            (Attribute | Behind, '=') if !self.attribute.is_empty() => Value,
            (Attribute, _) if is_space && self.attribute.is_empty() => Attribute,
            (Attribute | Behind, _) if is_space => Behind,
            (Behind, c) => {
                self.attribute.clear();
                push(&mut self.attribute, c);
                Attribute
            }
            (Attribute, c) => {
                push(&mut self.attribute, c);
                Attribute
            }
            (Value, _) if is_space => Value,
            (Value, '"' | '\'') => Quoted(c),
            (Value, _) => Unquoted,
            (Unquoted, _) if is_space => self.next_attribute(),
            (Unquoted, _) => Unquoted,
        };
    }

    fn next_attribute(&mut self) -> Place {
        self.attribute.clear();
        Place::Attribute
    }
}

fn push(name: &mut String, c: char) {
    if name.len() < MOST_NAME {
        name.push(c.to_ascii_lowercase());
    }
}
