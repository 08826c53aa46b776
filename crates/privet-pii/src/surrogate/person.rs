//! Stand-ins for the mentions of one person, which show that they belong together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use privet_types::Entity;

use super::{BASE32, Bits, Class, DRAWS, Place, Surrogates, class_of};
use crate::mentions::{Mention, Part};
use crate::names::{Name, Order};
use crate::restore::pattern_text;
use crate::{Form, Style, realistic};

/// What was handed out for persons.
#[derive(Default)]
pub(super) struct Persons {
    /// Pairs by person, class and the mention as it was written.
    pairs: HashMap<(Arc<str>, Class, String), usize>,
    /// The tag of each person, without a part.
    tags: HashMap<Arc<str>, String>,
    /// The made-up name of each person; none where no free one could be drawn.
    names: HashMap<Arc<str>, Option<(String, String)>>,
    /// All made-up words, lower case.
    words: HashSet<String>,
}

/// Base32 digits that tell writings of one name apart, at least; one more for every four of them that are taken.
const WRITING_DIGITS: u32 = 3;

impl Surrogates<'_> {
    /// The stand-in for a mention of a person, written `value`; else as [`surrogate`](Self::surrogate).
    ///
    /// Tags of one person differ in what follows the suffix: `PERSON_7Q2MX9PLR4TWZ` is the whole name, `…_F` a given name,
    /// `…_L` the surname, `…_I` initials and surname; three digits of a keyed hash follow for a writing that is not the
    /// plain one (`maria lopez` beside `Maria Lopez`), so that each is restored as it was. What a mention's tag is depends
    /// on who it is and how it is written, not on the mentions before it.
    pub fn surrogate_of_mention(
        &mut self,
        mention: &Mention,
        value: &str,
        place: Place,
        occupied: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let index = self.pair_of_mention(self.style, mention, value, place, occupied)?;
        self.at(index, place)
    }

    /// The same in `style`; gives the index of the pair.
    ///
    /// Made-up names are put together as the mention is: for "LOPEZ, Maria" the made-up surname in capitals, a comma, the
    /// made-up given name. One that is taken becomes a tag.
    pub(crate) fn pair_of_mention(
        &mut self,
        style: Style,
        mention: &Mention,
        value: &str,
        place: Place,
        occupied: &dyn Fn(&str) -> bool,
    ) -> Option<usize> {
        let class = class_of(style, Entity::PERSON, place);
        if class == Class::Number {
            return self.pair_of(style, Entity::PERSON, value, place, occupied);
        }
        let known = (Arc::clone(&mention.identity), class, value.to_owned());
        if let Some(index) = self.persons.pairs.get(&known) {
            return Some(*index);
        }
        let made = match class {
            Class::Realistic => self.made_up(mention, value, occupied),
            Class::Tag | Class::Number => None,
        };
        let (surrogate, form) = match made {
            Some(made) => (made, Form::Word),
            None => (self.tag_of_mention(mention, value), Form::Tag),
        };
        let index = match self.adopted_and_met(&surrogate, value) {
            Some(index) => index,
            None => self.remember(Entity::PERSON, surrogate, form, value),
        };
        self.persons.pairs.insert(known, index);
        Some(index)
    }

    /// Whether `word`, in lower case, is part of a name made up so far.
    pub(crate) fn is_made_up(&self, word: &str) -> bool {
        self.persons.words.contains(word)
    }

    fn tag_of_mention(&mut self, mention: &Mention, value: &str) -> String {
        let tag = match self.persons.tags.get(&mention.identity) {
            Some(tag) => tag.clone(),
            None => {
                let tag = self.tag(Entity::PERSON, &mention.identity, value);
                self.persons
                    .tags
                    .insert(Arc::clone(&mention.identity), tag.clone());
                tag
            }
        };
        let part = match mention.part {
            Part::Full => tag,
            Part::First => format!("{tag}_F"),
            Part::Last => format!("{tag}_L"),
            Part::Initial => format!("{tag}_I"),
        };
        let is_free = |made: &str| self.is_free_tag(made, value);
        if is_plain(value) && is_free(&part) {
            return part;
        }
        let mut attempt = 0;
        loop {
            let mut bits = Bits::new(self.key, Entity::PERSON, value, attempt);
            let digits = WRITING_DIGITS + attempt / 4;
            let code: String = (0..digits).map(|_| bits.pick_char(BASE32)).collect();
            let made = match mention.part {
                Part::Full => format!("{part}_{code}"),
                Part::First | Part::Last | Part::Initial => format!("{part}{code}"),
            };
            if is_free(&made) {
                return made;
            }
            attempt += 1;
        }
    }

    /// The mention in the made-up name of its person; none if it is taken, stands in the text, or is the value itself.
    fn made_up(&mut self, mention: &Mention, value: &str, occupied: &dyn Fn(&str) -> bool) -> Option<String> {
        let name = match self.persons.names.get(&mention.identity) {
            Some(name) => name.clone(),
            None => {
                let name = self.draw_name(mention, occupied);
                for word in name.iter().flat_map(|(first, last)| [first, last]) {
                    self.persons.words.insert(word.to_lowercase());
                }
                self.persons
                    .names
                    .insert(Arc::clone(&mention.identity), name.clone());
                name
            }
        };
        let (first, last) = name?;
        let made = write(value, mention.part, &first, &last);
        let is_free =
            made != value && !self.taken.contains(&pattern_text(&made, Form::Word)) && !occupied(&made);
        is_free.then_some(made)
    }

    fn draw_name(&self, mention: &Mention, occupied: &dyn Fn(&str) -> bool) -> Option<(String, String)> {
        (0..DRAWS).find_map(|attempt| {
            let mut bits = Bits::new(self.key, Entity::PERSON, &mention.identity, attempt);
            let (first, last) = realistic::full_name(&mention.identity, &mut bits)?;
            let is_free =
                |made: &str| !self.taken.contains(&pattern_text(made, Form::Word)) && !occupied(made);
            let full = format!("{first} {last}");
            (is_free(&first) && is_free(&last) && is_free(&full)).then_some((first, last))
        })
    }
}

/// Whether a name is written as names mostly are: given name first, no title, nothing behind it, not all in capitals or
/// small letters.
fn is_plain(value: &str) -> bool {
    let name = Name::parse(value);
    let mut letters = value.chars().filter(|c| c.is_alphabetic());
    let begins_small = letters.clone().next().is_some_and(char::is_lowercase);
    let is_loud = letters.clone().count() > 1 && letters.all(char::is_uppercase);
    name.order == Order::GivenFirst
        && name.titles.is_empty()
        && name.possessive.is_empty()
        && !begins_small
        && !is_loud
        && value.trim() == value
        && !value.contains("  ")
}

/// The made-up name, arranged and capitalised as `value` is, with its title and possessive.
fn write(value: &str, part: Part, first: &str, last: &str) -> String {
    let name = Name::parse(value);
    let is_one_word = name.given.len() + name.surname.len() == 1;
    let initial: String = first.chars().take(1).chain(['.']).collect();
    let body = match (part, name.order) {
        (Part::First, _) => first.to_owned(),
        (Part::Last, _) => last.to_owned(),
        (Part::Full, _) if is_one_word => last.to_owned(),
        (Part::Initial, Order::Comma) => format!("{last}, {initial}"),
        (Part::Initial, _) => format!("{initial} {last}"),
        (Part::Full, Order::Comma) => format!("{last}, {first}"),
        (Part::Full, Order::CapitalsFirst) => format!("{} {first}", last.to_uppercase()),
        (Part::Full, Order::GivenFirst) => format!("{first} {last}"),
    };
    let mut letters = value.chars().filter(|c| c.is_alphabetic());
    let body = if letters.clone().all(|c| !c.is_uppercase()) {
        body.to_lowercase()
    } else if letters.clone().count() > 1 && letters.all(|c| !c.is_lowercase()) {
        body.to_uppercase()
    } else {
        body
    };
    format!("{}{body}{}", name.titles, name.possessive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mentions;
    use crate::surrogate::SUFFIX_LENGTH;
    use privet_crypto::{HashKey, RootKey};

    fn key() -> HashKey {
        RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64)))
            .unwrap()
            .hash_key("test", b"")
    }

    fn made(style: Style, names: &[&str]) -> Vec<String> {
        let key = key();
        let mut surrogates = Surrogates::new(&key, Style::Tag);
        let mut mentions = Mentions::new();
        let place = Place::Text { is_apart: true };
        names
            .iter()
            .map(|name| {
                let mention = mentions.link(name);
                let index = surrogates
                    .pair_of_mention(style, &mention, name, place, &|_| false)
                    .unwrap();
                assert_eq!(surrogates.pair(index).unwrap().value.expose(), name);
                surrogates.at(index, place).unwrap()
            })
            .collect()
    }

    #[test]
    fn tags_of_one_person_differ_in_the_part_only_and_those_of_another_person_wholly() {
        let made = made(
            Style::Tag,
            &[
                "Maria Lopez",
                "Ms Lopez",
                "Lopez",
                "M. Lopez",
                "Maria",
                "LOPEZ, Maria",
                "Juan Lopez",
                "Lopez",
            ],
        );
        let base = made[0].trim_matches(['<', '>']);
        assert_eq!(base.len(), "PERSON_".len() + SUFFIX_LENGTH);
        let parts: Vec<_> = made[..6]
            .iter()
            .map(|tag| tag.trim_matches(['<', '>']).strip_prefix(base).unwrap())
            .collect();
        let (titled, comma) = (
            parts[1].strip_prefix("_L").unwrap(),
            parts[5].strip_prefix('_').unwrap(),
        );
        assert_eq!((parts[0], parts[2], parts[3], parts[4]), ("", "_L", "_I", "_F"));
        assert_eq!((titled.len(), comma.len()), (3, 3));
        assert!(made[6..].iter().all(|tag| !tag.contains(base)), "{made:?}");
    }

    #[test]
    fn made_up_mentions_are_put_together_as_they_were_written() {
        let made = made(
            Style::Realistic,
            &[
                "Maria Lopez",
                "Ms Lopez",
                "M. Lopez",
                "Maria's",
                "LOPEZ, MARIA",
                "lopez",
                "Лев Толстой",
                "Толстой",
            ],
        );
        let (first, last) = made[0].split_once(' ').unwrap();
        assert_eq!(made[1], format!("Ms {last}"));
        assert_eq!(made[2], format!("{}. {last}", &first.chars().next().unwrap()));
        assert_eq!(made[3], format!("{first}'s"));
        assert_eq!(
            made[4],
            format!("{}, {}", last.to_uppercase(), first.to_uppercase())
        );
        assert_eq!(made[5], last.to_lowercase());
        assert!(made[6].ends_with(&made[7]), "{made:?}");
    }

    #[test]
    fn the_same_name_has_the_same_tag_in_every_document_that_begins_with_it() {
        let one = made(Style::Tag, &["Maria Lopez"]);
        let two = made(Style::Tag, &["Juan Garcia", "LOPEZ, Maria", "Maria Lopez"]);
        assert_eq!(one[0], two[2]);
        assert!(two[1].starts_with(one[0].trim_end_matches('>')), "{two:?}");
    }

    #[test]
    fn the_tag_of_a_writing_does_not_depend_on_the_writings_before_it() {
        let names = [
            "Maria Lopez",
            "LOPEZ, Maria",
            "maria lopez",
            "Maria Lopez's",
            "Dr. Maria Lopez",
        ];
        let mut turned = names;
        turned.reverse();
        let (one, mut two) = (made(Style::Tag, &names), made(Style::Tag, &turned));
        two.reverse();
        assert_eq!(one, two);
    }

    #[test]
    fn many_writings_of_one_name_get_many_tags_in_linear_time() {
        let names: Vec<String> = (0..20_000)
            .map(|i| format!("Maria{}Lopez", " ".repeat(i % 200 + 1) + &"-".repeat(i / 200)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let made = made(Style::Tag, &names);
        let distinct: HashSet<_> = made.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
