//! Names that the network cut at an initial: `Szabina J Kovács`, `M. Rossi` behind a given name.

use privet_types::{Entity, Finding, Span};

use super::lexicon::entry;

/// Longest word that is taken in, in bytes.
const LONGEST: usize = 40;

/// Takes the other half of names with an initial into them; `found` is sorted and disjoint, and stays so.
pub(super) fn widen(text: &str, found: &mut [Finding]) {
    for i in 0..found.len() {
        let left = i
            .checked_sub(1)
            .and_then(|i| found.get(i))
            .map_or(0, |f| f.span.end);
        let right = found.get(i + 1).map_or(text.len(), |f| f.span.start);
        let Some(finding) = found.get_mut(i).filter(|f| f.entity == Entity::PERSON) else {
            continue;
        };
        let span = finding.span;
        let start = start(text, span).filter(|at| *at >= left).unwrap_or(span.start);
        let end = end(text, span).filter(|at| *at <= right).unwrap_or(span.end);
        finding.span = Span::new(start, end);
    }
}

/// Where the name ends with the word behind an initial.
fn end(text: &str, span: Span) -> Option<usize> {
    let inside = span.of(text)?;
    let last = inside.rsplit(' ').next()?;
    let ends_so = inside.contains(' ') && initial(last) == Some(last.len());
    let mut at = span.end;
    if ends_so {
        at += usize::from(!last.ends_with('.') && text.get(at..)?.starts_with('.'));
    } else {
        let rest = text.get(at..)?.strip_prefix(' ')?;
        at += 1 + initial(rest)?;
    }
    let rest = text.get(at..)?.strip_prefix(' ')?;
    let len = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
    is_name(rest.get(..len)?).then_some(at + 1 + len)
}

/// Where the name begins with the word before its initial.
fn start(text: &str, span: Span) -> Option<usize> {
    let inside = span.of(text)?;
    let first = initial(inside)?;
    if !inside.get(first..)?.starts_with(' ') {
        return None;
    }
    let before = text.get(..span.start)?.strip_suffix(' ')?;
    let from = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_name_char(*c))
        .last()
        .map(|(at, _)| at)?;
    is_name(before.get(from..)?).then_some(from)
}

/// Length of the initial that `text` begins with: one capital, perhaps with a full stop, that ends there.
fn initial(text: &str) -> Option<usize> {
    let c = text.chars().next().filter(|c| c.is_uppercase())?;
    let rest = text.get(c.len_utf8()..)?;
    let dot = usize::from(rest.starts_with('.'));
    let is_ended = rest.get(dot..)?.chars().next().is_none_or(|c| c == ' ');
    is_ended.then_some(c.len_utf8() + dot)
}

fn is_name_char(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '-' | '\'' | '’')
}

/// Whether a word can be a part of a name: a capital, then small letters, and no word that is common without one.
fn is_name(word: &str) -> bool {
    let mut chars = word.chars();
    word.len() <= LONGEST
        && chars.next().is_some_and(char::is_uppercase)
        && chars.next().is_some_and(char::is_lowercase)
        && entry(word).common() < 2
}

#[cfg(test)]
mod tests {
    use privet_types::{Basis, RuleId};

    use super::*;

    fn widened<'t>(text: &'t str, name: &str) -> &'t str {
        let at = text.find(name).unwrap();
        let mut found = [Finding {
            entity: Entity::PERSON,
            span: Span::new(at, at + name.len()),
            score: 0.9,
            rule: RuleId("ner/person"),
            basis: Basis::Network,
        }];
        widen(text, &mut found);
        found[0].span.of(text).unwrap()
    }

    #[test]
    fn the_word_beside_an_initial_belongs_to_the_name() {
        assert_eq!(
            widened("by Szabina J Gelencser, too", "Szabina"),
            "Szabina J Gelencser"
        );
        assert_eq!(
            widened("by Agatha Á. Ottarsdóttir", "Agatha"),
            "Agatha Á. Ottarsdóttir"
        );
        assert_eq!(
            widened("by Gunnhildur F. Helgadóttir", "Gunnhildur F"),
            "Gunnhildur F. Helgadóttir"
        );
        assert_eq!(
            widened("by Zarema M. Ibragimov", "M. Ibragimov"),
            "Zarema M. Ibragimov"
        );
    }

    #[test]
    fn other_words_do_not() {
        assert_eq!(widened("Ask Anna. I will", "Anna"), "Anna");
        assert_eq!(widened("ask Anna I think", "Anna"), "Anna");
        assert_eq!(widened("ask Anna B and", "Anna"), "Anna");
        assert_eq!(widened("Dear M. Ibragimov", "M. Ibragimov"), "M. Ibragimov");
    }
}
