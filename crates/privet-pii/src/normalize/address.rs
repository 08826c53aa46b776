//! E-mail addresses with their marks spelt out: `john (at) example (dot) com`.

use super::lexicon::spelt;
use super::rewrite::{Piece, Rewriter};
use super::tokens::{Token, between};
use super::words::Spelt;

/// Most parts of a name or a domain.
const MOST_PARTS: usize = 6;
/// Most bytes between a part and the word beside it: a space and a bracket or two.
const LONGEST_GAP: usize = 4;

/// Top-level domains that make a bare ` at ` with a spelt ` dot ` an address: the generic ones in wide use, those reserved
/// by RFC 2606, and a choice of countries (IANA root zone).
const TOPS: &[&str] = &[
    "app", "at", "au", "be", "biz", "br", "ca", "ch", "cn", "co", "com", "cz", "de", "dev", "dk", "edu",
    "es", "eu", "example", "fi", "fr", "gov", "gr", "hu", "ie", "il", "in", "info", "int", "invalid", "io",
    "it", "jp", "kr", "me", "mil", "mx", "name", "net", "nl", "no", "nz", "org", "pl", "pt", "ro", "ru",
    "se", "sg", "sk", "test", "tr", "tv", "ua", "uk", "us", "xyz", "za",
];

/// How two parts are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// As written, without a space: `.`, `_`, `-`, `+`.
    Plain,
    /// A mark, spelt out or with spaces round it.
    Spelt(char),
    /// The at sign, by a word that says so for sure, or in brackets.
    At,
    /// The at sign, by the bare word.
    WeakAt,
    /// `@` itself.
    Sign,
    /// A mark at which a line of the domain ends.
    Broken(char),
}

/// Writes spelt addresses with their marks; none if there is none.
pub(super) fn unspell(text: &str, tokens: &[Token<'_>]) -> Option<Piece> {
    let mut out = Rewriter::new(text);
    let mut at = 1;
    while at < tokens.len() {
        let end = address(text, tokens, at, &mut out);
        at = end.unwrap_or(at) + 1;
    }
    out.finish()
}

/// Writes the address whose at sign stands right after the token before `at`; the last token of its domain.
fn address(text: &str, tokens: &[Token<'_>], at: usize, out: &mut Rewriter<'_>) -> Option<usize> {
    let (joint, first) = joint(text, tokens, at - 1)?;
    if !matches!(joint, Joint::At | Joint::WeakAt | Joint::Sign) || !is_part(tokens.get(at - 1)?) {
        return None;
    }
    // The domain, forwards.
    let mut last = first;
    let mut has_spelt_dot = false;
    let mut dots = 0;
    for _ in 0..MOST_PARTS {
        match self::joint(text, tokens, last) {
            Some((Joint::Spelt(c @ ('.' | '-')), next)) => {
                has_spelt_dot |= c == '.';
                dots += usize::from(c == '.');
                last = next;
            }
            Some((Joint::Broken(c), next)) if !is_known_top(tokens.get(last)?.text) => {
                dots += usize::from(c == '.');
                last = next;
            }
            Some((Joint::Plain, next)) => {
                let gap = text.get(between(tokens.get(last)?, tokens.get(next)?))?;
                if !matches!(gap, "." | "-") {
                    break;
                }
                dots += usize::from(gap == ".");
                last = next;
            }
            _ => break,
        }
    }
    let top = tokens.get(last)?.text;
    let is_top = top.chars().all(char::is_alphabetic) && top.chars().nth(1).is_some();
    let is_known = is_known_top(top);
    let is_sure = match joint {
        Joint::At => is_known || has_spelt_dot,
        Joint::WeakAt => is_known && has_spelt_dot,
        _ => is_known,
    };
    if dots == 0 || !is_top || !is_sure {
        return None;
    }
    // The name, backwards.
    let mut start = at - 1;
    for _ in 0..MOST_PARTS {
        let before = (1..=2).find_map(|back| {
            let from = start.checked_sub(back)?;
            let (found, next) = self::joint(text, tokens, from)?;
            let is_mark = matches!(found, Joint::Plain | Joint::Spelt(_));
            (next == start && is_mark && is_part(tokens.get(from)?)).then_some(from)
        });
        let Some(from) = before else { break };
        if tokens.get(from)?.start < out.at() {
            break;
        }
        start = from;
    }
    write(text, tokens, start, last, out);
    Some(last)
}

fn is_known_top(label: &str) -> bool {
    TOPS.iter().any(|t| t.eq_ignore_ascii_case(label))
}

/// Whether a token can be a part of an address rather than a word for a mark.
fn is_part(token: &Token<'_>) -> bool {
    !matches!(spelt(token.text), Some(Spelt::At | Spelt::WeakAt))
}

/// How the token at `from` is joined to one after it, and to which.
fn joint(text: &str, tokens: &[Token<'_>], from: usize) -> Option<(Joint, usize)> {
    let left = tokens.get(from)?;
    let middle = tokens.get(from + 1)?;
    let gap = text.get(between(left, middle))?;
    if gap.len() > LONGEST_GAP {
        return None;
    }
    // A mark itself, plain, with spaces, or in brackets.
    let mark = gap.trim_matches(|c: char| c.is_whitespace() || is_bracket(c));
    let is_one = mark.len() == 1;
    match mark.chars().next() {
        Some('@') if is_one && gap == "@" => return Some((Joint::Sign, from + 1)),
        Some('@') if is_one => return Some((Joint::At, from + 1)),
        Some('.' | '_' | '-' | '+') if gap == mark && is_one => {
            let is_spelt = spelt(middle.text)
                .is_some_and(|s| matches!(s, Spelt::Mark(_) | Spelt::At | Spelt::WeakAt))
                && tokens.get(from + 2).is_some();
            if !(is_spelt && is_fence(mark)) {
                return Some((Joint::Plain, from + 1));
            }
        }
        Some(c @ ('.' | '-')) if is_one && gap.contains('\n') => {
            let is_tight = gap.starts_with(c) || gap.ends_with(c);
            return is_tight.then_some((Joint::Broken(c), from + 1));
        }
        Some(c @ '.') if is_one && gap.starts_with([' ', '(', '[', '{']) => {
            return Some((Joint::Spelt(c), from + 1));
        }
        _ => {}
    }
    // A word for a mark between two parts; `snabel-a` is two tokens.
    let is_two = middle.text.eq_ignore_ascii_case("snabel")
        && tokens
            .get(from + 2)
            .is_some_and(|t| t.text.eq_ignore_ascii_case("a"));
    let last = from + 1 + usize::from(is_two);
    let right = tokens.get(last + 1)?;
    let after = text.get(between(tokens.get(last)?, right))?;
    let is_fenced =
        is_fence(gap.trim()) && is_fence(after.trim()) && !gap.trim().is_empty() && !after.trim().is_empty();
    let is_bare = is_blank(gap) && is_blank(after);
    if after.len() > LONGEST_GAP || !(is_fenced || is_bare) {
        return None;
    }
    let is_letter = is_fenced && !gap.contains(['_', '-']) && middle.text.eq_ignore_ascii_case("a");
    let spelt = if is_letter { Spelt::At } else { spelt(middle.text)? };
    let joint = match spelt {
        Spelt::Mark(c) => Joint::Spelt(c),
        Spelt::At => Joint::At,
        Spelt::WeakAt if is_fenced => Joint::At,
        Spelt::WeakAt => Joint::WeakAt,
        _ => return None,
    };
    Some((joint, last + 1))
}

fn is_blank(gap: &str) -> bool {
    !gap.is_empty() && gap.chars().all(|c| c == ' ' || c == '\t' || c == '\u{a0}')
}

const fn is_bracket(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>')
}

/// Whether the gap sets a word off as a mark: brackets, `_` or `-`.
fn is_fence(gap: &str) -> bool {
    gap.chars()
        .all(|c| is_bracket(c) || matches!(c, '_' | '-' | '*' | '|' | '/'))
}

fn write(text: &str, tokens: &[Token<'_>], start: usize, last: usize, out: &mut Rewriter<'_>) {
    let mut at = start;
    let mut buffer = [0; 4];
    while at < last {
        let Some((joint, next)) = joint(text, tokens, at) else {
            return;
        };
        let (Some(left), Some(right)) = (tokens.get(at), tokens.get(next)) else {
            return;
        };
        match joint {
            Joint::Plain | Joint::Sign => {}
            Joint::Spelt(c) | Joint::Broken(c) => {
                out.replace(left.end(), right.start, c.encode_utf8(&mut buffer));
            }
            Joint::At | Joint::WeakAt => out.replace(left.end(), right.start, "@"),
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::tokens::tokens;

    fn written(text: &str) -> String {
        unspell(text, &tokens(text)).map_or_else(|| "unchanged".to_owned(), |p| p.text)
    }

    #[test]
    fn spelt_addresses_get_their_marks() {
        for text in [
            "john (at) example (dot) com",
            "john [at] example [dot] com",
            "john{at}example{dot}com",
            "john AT example DOT com",
            "john at example dot com",
            "john_at_example_dot_com",
            "john (at) example.com",
            "john[@]example[.]com",
            "john @ example . com",
            "john@example dot com",
            "john at example punkt com",
            "john arobase example point com",
            "john arroba example punto com",
            "john chiocciola example punto com",
            "john arroba example ponto com",
            "john małpa example kropka com",
            "john snabel-a example punkt com",
            "john(a)example.com",
        ] {
            assert_eq!(
                written(&format!("is {text}, ok")),
                "is john@example.com, ok",
                "{text}"
            );
        }
        assert_eq!(
            written("to ann dot lee underscore x at mail dot example dot org."),
            "to ann.lee_x@mail.example.org."
        );
        assert_eq!(written("ann.lee (at) example.co.uk"), "ann.lee@example.co.uk");
    }

    #[test]
    fn addresses_broken_over_lines_are_joined() {
        assert_eq!(
            written("to ann.lee@\nexample.com, ok"),
            "to ann.lee@example.com, ok"
        );
        assert_eq!(
            written("to ann.lee\n@example.com, ok"),
            "to ann.lee@example.com, ok"
        );
        assert_eq!(written("to ann.lee@firma.\ncom, ok"), "to ann.lee@firma.com, ok");
        assert_eq!(
            written("to ann.lee@exam-\nple.com, ok"),
            "to ann.lee@exam-ple.com, ok"
        );
        assert_eq!(written("to ann@example.com.\nDe rien"), "unchanged");
    }

    #[test]
    fn prose_is_left_alone() {
        for text in [
            "look at the dot here",
            "look at example.com",
            "meet me at noon",
            "ann@example.com",
            "3 (at) 5 dollars",
            "at this point in time",
            "un point de vue",
            "3.5 at 4.5",
        ] {
            assert_eq!(written(text), "unchanged", "{text}");
        }
    }
}
