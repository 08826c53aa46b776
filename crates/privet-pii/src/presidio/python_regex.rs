//! Patterns of Python's `re` and `regex` modules in the syntax of the `fancy-regex` crate.
//!
//! Sources: Python Library Reference, "re — Regular expression operations"; the syntax pages of the Rust crates `regex`
//! and `fancy-regex`.

use std::iter::Peekable;
use std::str::Chars;

/// `pattern`, a regular expression as Python reads it, for the `fancy-regex` crate. What both read alike stays as it is.
///
/// # Errors
/// What is not understood, as a sentence for people, where the pattern would otherwise mean something else.
///
/// ```
/// use privet_pii::presidio::translate;
/// assert_eq!(translate(r"(?P<n>\d{,3})\Z")?, r"(?P<n>\d{0,3})\z");
/// assert_eq!(translate(r"[[\]]\u00df")?, r"[\[\]]\x{00df}");
/// assert!(translate(r"(?:cat){e<=1}").is_err());
/// # Ok::<(), String>(())
/// ```
pub fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out, false)?,
            '[' => class(&mut rest, &mut out)?,
            '{' => repetition(&mut rest, &mut out)?,
            '(' => group(&mut rest, &mut out)?,
            c => out.push(c),
        }
    }
    Ok(out)
}

fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String, is_in_class: bool) -> Result<(), String> {
    let Some(c) = rest.next() else {
        return Err("it ends with a lone `\\`".to_owned());
    };
    match c {
        'Z' if !is_in_class => out.push_str("\\z"),
        // In Rust these two are the borders of a word.
        '<' | '>' => out.push(c),
        'u' | 'U' | 'x' => {
            let length = match c {
                'u' => 4,
                'U' => 8,
                _ => 2,
            };
            let digits: String = rest.by_ref().take(length).collect();
            if digits.len() != length || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!("`\\{c}` needs {length} hexadecimal digits"));
            }
            out.push_str(&format!("\\x{{{digits}}}"));
        }
        'N' | 'm' | 'M' | 'L' | 'G' => return Err(format!("`\\{c}` is not understood")),
        '0' => {
            let mut code = 0;
            for _ in 0..2 {
                let Some(digit) = rest.peek().and_then(|d| d.to_digit(8)) else {
                    break;
                };
                code = code * 8 + digit;
                rest.next();
            }
            out.push_str(&format!("\\x{{{code:x}}}"));
        }
        'b' if is_in_class => out.push_str("\\x08"),
        // Rust knows no escape for a character outside ASCII; it needs none.
        c if !c.is_ascii() => out.push(c),
        c => {
            out.push('\\');
            out.push(c);
        }
    }
    Ok(())
}

/// A character class. Python nests none, so `[`, `&&`, `--` and `~~` inside stand for themselves.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if rest.peek() == Some(&'^') {
        out.extend(rest.next());
    }
    if rest.peek() == Some(&']') {
        rest.next();
        out.push_str("\\]");
    }
    let mut last = None;
    while let Some(c) = rest.next() {
        match c {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => escape(rest, out, true)?,
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                for c in rest.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '-' if last == Some('-') => out.push_str("\\-"),
            c => out.push(c),
        }
        last = Some(c);
    }
    Err("a `[` is not closed".to_owned())
}

/// `{,n}` is `{0,n}`; a letter after the brace asks for fuzzy matching.
fn repetition(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    match rest.peek() {
        Some(',') => {
            let inside: String = rest.clone().skip(1).take_while(|c| *c != '}').collect();
            let is_most = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_digit());
            out.push_str(if is_most { "{0" } else { "\\{" });
        }
        Some('e' | 'i' | 'd' | 's') => return Err("fuzzy matching is not understood".to_owned()),
        Some(c) if c.is_ascii_digit() => out.push('{'),
        _ => out.push_str("\\{"),
    }
    Ok(())
}

fn group(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('(');
    let mut ahead = rest.clone();
    if ahead.next() != Some('?') {
        return Ok(());
    }
    match ahead.next() {
        Some('#') => {
            out.pop();
            for c in rest.by_ref() {
                if c == ')' {
                    return Ok(());
                }
            }
            return Err("a `(?#` is not closed".to_owned());
        }
        Some('R' | '&' | '0'..='9') => return Err("recursion is not understood".to_owned()),
        Some('P') if ahead.next() == Some('>') => return Err("recursion is not understood".to_owned()),
        Some('a' | 'L' | 'b' | 'e' | 'p' | 'r' | 'w' | 'V' | 'f') => {
            return Err("inline flags other than `i`, `m`, `s`, `u` and `x` are not understood".to_owned());
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fancy_regex::Regex;

    use super::*;

    #[test]
    fn what_python_reads_otherwise_is_rewritten_and_then_matches_as_in_python() {
        for (python, text, found) in [
            (r"(?P<year>\d{4})-(?P=year)", "2020-2020", Some("2020-2020")),
            (r"(?i)ab\Z", "xAB", Some("AB")),
            (r"ab\Z", "ab\n", None),
            (r"x{,2}y", "xxy", Some("xxy")),
            (r"\<b\>", "a <b> c", Some("<b>")),
            (r"[[\]]+", "a[]b", Some("[]")),
            (r"[]a]+", "b]a", Some("]a")),
            (r"[^]]+", "]ab]", Some("ab")),
            (r"[a&&b]+", "&&", Some("&&")),
            (r"[[:digit:]]+", "a12", Some("12")),
            (r"\u00e9\x41", "éA", Some("éA")),
            (r"a(?#comment)b", "ab", Some("ab")),
            (r"(?<=id[:=])\w+(?!\w)", "id=ab", Some("ab")),
            (r"\{x}", "{x}", Some("{x}")),
            (r"a{x}", "a{x}", Some("a{x}")),
            (r"\/\-\'\@\ ", "/-'@ ", Some("/-'@ ")),
            (r"[!#$%&'*+\-/=?^_`{|}~\w]+", "a~{|}&&b", Some("a~{|}&&b")),
        ] {
            let rust = translate(python).unwrap();
            let regex = Regex::new(&rust).unwrap_or_else(|e| panic!("{python} → {rust}: {e}"));
            let hit = regex.find(text).unwrap().map(|m| m.as_str());
            assert_eq!(hit, found, "{python} → {rust}");
        }
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        for python in [
            r"(?:cat){e<=1}",
            r"(?R)",
            r"(?P>word)",
            r"\N{DIGIT ONE}",
            r"(?a)\d",
            r"[a",
            r"\u12",
            "a\\",
        ] {
            assert!(translate(python).is_err(), "{python}");
        }
    }
}
