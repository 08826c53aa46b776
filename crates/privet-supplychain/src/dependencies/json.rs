//! JSON (RFC 8259) with the place of every value.

use std::ops::Range;

use privet_types::Budget;

use super::Error;
use super::tree::{Key, Lines, MAX_DEPTH, Node, Value, charge};

/// Reads one JSON text; what follows it is an error. A byte-order mark at its start is skipped.
pub(super) fn from_json(text: &str, budget: &Budget) -> Result<Node, Error> {
    charge(text, budget)?;
    let mut reader = Reader { text, at: 0 };
    reader.eat('\u{feff}');
    let node = reader.value(MAX_DEPTH).and_then(|node| {
        reader.space();
        match reader.rest() {
            "" => Ok(node),
            _ => Err("something follows the value"),
        }
    });
    node.map_err(|what| Error::syntax(Lines::new(text).of(reader.at), format!("not JSON: {what}")))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = Result<T, &'static str>;

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.rest().starts_with(wanted);
        if is_there {
            self.at += wanted.len_utf8();
        }
        is_there
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self.rest().starts_with(word) {
            return Err("a value is expected");
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        let depth = depth.checked_sub(1).ok_or("nested too deep")?;
        self.space();
        let start = self.at;
        let value = match self.rest().bytes().next() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?.0),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => {
                let rest = self.rest();
                let length = rest
                    .find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                    .unwrap_or(rest.len());
                self.at += length;
                Value::Number(rest.get(..length).unwrap_or_default().to_owned())
            }
            _ => return Err("a value is expected"),
        };
        Ok(Node {
            span: start..self.at,
            value,
        })
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.eat('[');
        let mut items = Vec::new();
        self.space();
        if self.eat(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            if self.eat(']') {
                return Ok(Value::List(items));
            }
            if !self.eat(',') {
                return Err("`,` or `]` is expected");
            }
        }
    }

    fn map(&mut self, depth: usize) -> Read<Value> {
        self.eat('{');
        let mut entries = Vec::new();
        self.space();
        if self.eat('}') {
            return Ok(Value::Map(entries));
        }
        loop {
            self.space();
            let (name, span) = self.string()?;
            self.space();
            if !self.eat(':') {
                return Err("`:` is expected");
            }
            entries.push((Key { span, name }, self.value(depth)?));
            self.space();
            if self.eat('}') {
                return Ok(Value::Map(entries));
            }
            if !self.eat(',') {
                return Err("`,` or `}` is expected");
            }
        }
    }

    /// The text of a string, and the place between its quotes.
    fn string(&mut self) -> Read<(String, Range<usize>)> {
        if !self.eat('"') {
            return Err("a string is expected");
        }
        let start = self.at;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let stop = rest.find(['"', '\\']).ok_or("a string does not end")?;
            out.push_str(rest.get(..stop).unwrap_or_default());
            self.at += stop;
            if self.eat('"') {
                return Ok((out, start..self.at - 1));
            }
            self.eat('\\');
            self.escape(&mut out)?;
        }
    }

    fn escape(&mut self, out: &mut String) -> Read<()> {
        let kind = self.rest().chars().next().ok_or("a string does not end")?;
        self.at += kind.len_utf8();
        out.push(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            _ => return Err("an escape is unknown"),
        });
        Ok(())
    }

    /// A `\uXXXX`, with its second half where it is a surrogate; a half alone reads as U+FFFD.
    fn unicode(&mut self) -> Read<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.rest().get(..4).ok_or("an escape does not end")?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("an escape is not hexadecimal");
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| "an escape is not hexadecimal")
    }
}
