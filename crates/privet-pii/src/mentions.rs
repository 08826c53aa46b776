//! Which mentions of persons in a document are mentions of one person.

use std::collections::HashMap;
use std::sync::Arc;

use crate::names::{Gender, Name, Shape, fold};

/// Persons remembered; names met after that are told apart by their words alone.
const MAX_PERSONS: usize = 16_384;

/// Which part of a person's name is mentioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// All that is known of it, usually given name and surname.
    Full,
    /// A given name.
    First,
    /// The surname, with or without a title.
    Last,
    /// Initials and the surname.
    Initial,
}

/// One mention of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Counted from 0 in the order of first mention.
    pub person: usize,
    /// The part of the name.
    pub part: Part,
    /// What the person was first called, folded: the same in every document that begins with the same name.
    pub(crate) identity: Arc<str>,
}

/// Links the mentions of persons in a document or conversation, in the order in which they are met.
///
/// A mention is linked by what came before it only, so a later mention never changes an earlier one. "Maria Lopez",
/// "LOPEZ, Maria", "maria lopez", "M. Lopez", "Ms Lopez", "Maria's" and "López" are one person. Two different full names
/// are two persons, and so are "Mr Lopez" and "Mrs Lopez"; a short mention that fits more than one of them is an identity
/// of its own. Titles and particles (van,
/// de, al-) of several languages are known; nicknames, pronouns and changed names are not.
///
/// Each mention takes O(n) time in its own length. Memory is bounded: past 16,384 persons a new name is not remembered, so
/// that its short forms are not linked to it.
///
/// ```
/// use privet_pii::{Mentions, Part};
/// let mut mentions = Mentions::new();
/// let full = mentions.link("Maria Lopez");
/// let short = mentions.link("Ms. Lopez");
/// assert_eq!((short.person, short.part), (full.person, Part::Last));
/// assert_ne!(mentions.link("Juan Lopez").person, full.person);
/// ```
#[derive(Debug, Default)]
pub struct Mentions {
    persons: Vec<Person>,
    /// Persons by identity.
    by_identity: HashMap<Arc<str>, usize>,
    by_full: HashMap<(String, String), Slot>,
    by_initial: HashMap<(char, String), Slot>,
    by_first: HashMap<String, Slot>,
    by_last: HashMap<String, Slot>,
    /// By what a title says and the surname.
    by_titled: HashMap<(Gender, String), Slot>,
    /// Handed out past the bound.
    overflow: usize,
}

#[derive(Debug)]
struct Person {
    identity: Arc<str>,
    /// Folded given names; empty if none is known.
    given: Vec<String>,
    has_surname: bool,
    gender: Option<Gender>,
}

/// Who a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    One(usize),
    Many,
}

/// What a name leads to.
enum Found {
    Person(usize, Part),
    /// Several persons fit.
    Ambiguous(Part),
    /// The only one of that surname has a title of the other gender.
    Spouse,
    Nobody,
}

impl Mentions {
    /// Nobody met yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who `name` is, given the names linked before.
    pub fn link(&mut self, name: &str) -> Mention {
        let parsed = Name::parse(name);
        let found = match parsed.shape {
            Shape::Full => self.find_full(&parsed),
            Shape::Initial => self.find_initial(&parsed),
            Shape::Last => self.find_last(&parsed),
            Shape::First => self.find_first(parsed.first()),
            Shape::Single => self.find_single(&parsed.last()),
            Shape::Other => {
                let identity = format!("={}", fold(name));
                return self
                    .remembered(&identity, Part::Full)
                    .unwrap_or_else(|| self.new_person(&identity, Part::Full, None));
            }
        };
        match found {
            Found::Person(person, part) => {
                let is_as_expected = match parsed.shape {
                    Shape::Last => part == Part::Last,
                    Shape::First => part == Part::First,
                    Shape::Full | Shape::Initial => true,
                    // One word says nothing new.
                    Shape::Single | Shape::Other => false,
                };
                if is_as_expected {
                    self.learn(person, &parsed);
                }
                self.mention(person, part)
            }
            // Marks that no canonical name can have keep these apart from a person first called by this name.
            Found::Spouse => {
                let identity = format!("{}{}", mark(parsed.gender), parsed.canonical());
                self.new_person(&identity, Part::Last, Some(&parsed))
            }
            Found::Ambiguous(part) => {
                let identity = format!("?{}{}", mark(parsed.gender), parsed.canonical());
                self.remembered(&identity, part)
                    .unwrap_or_else(|| self.new_person(&identity, part, None))
            }
            Found::Nobody => {
                let part = match parsed.shape {
                    Shape::Initial => Part::Initial,
                    Shape::Last => Part::Last,
                    Shape::First => Part::First,
                    Shape::Full | Shape::Single | Shape::Other => Part::Full,
                };
                self.new_person(&parsed.canonical(), part, Some(&parsed))
            }
        }
    }

    /// Persons met so far.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.persons.len() + self.overflow
    }

    fn find_full(&self, name: &Name<'_>) -> Found {
        let last = name.last();
        if let Some(person) = self.by_identity.get(name.canonical().as_str()) {
            return Found::Person(*person, Part::Full);
        }
        match self.by_full.get(&(name.first().to_owned(), last.clone())) {
            Some(Slot::One(person)) if self.has_compatible_middle(*person, name) => {
                return Found::Person(*person, Part::Full);
            }
            // Another middle name: another person.
            Some(Slot::One(_)) => return Found::Nobody,
            Some(Slot::Many) if name.given.len() > 1 => return Found::Nobody,
            Some(Slot::Many) => return Found::Ambiguous(Part::Full),
            None => {}
        }
        // Someone who was only called by a part of this name until now.
        let initial = name.first().chars().next();
        let by_initial = initial.and_then(|i| self.by_initial.get(&(i, last.clone())));
        if let Some(Slot::One(person)) = by_initial
            && self.is_without_given(*person)
            && self.fits(*person, name)
        {
            return Found::Person(*person, Part::Full);
        }
        if let Some(Slot::One(person)) = self.by_last.get(&last)
            && self.persons.get(*person).is_some_and(|p| p.given.is_empty())
            && self.fits(*person, name)
        {
            return Found::Person(*person, Part::Full);
        }
        match self.by_first.get(name.first()) {
            Some(Slot::One(person)) if self.persons.get(*person).is_some_and(|p| !p.has_surname) => {
                Found::Person(*person, Part::Full)
            }
            _ => Found::Nobody,
        }
    }

    fn find_initial(&self, name: &Name<'_>) -> Found {
        let last = name.last();
        let Some(initial) = name.first().chars().next() else {
            return self.find_last(name);
        };
        match self.by_initial.get(&(initial, last.clone())) {
            Some(Slot::One(person)) => return Found::Person(*person, Part::Initial),
            Some(Slot::Many) => return Found::Ambiguous(Part::Initial),
            None => {}
        }
        match self.by_last.get(&last) {
            Some(Slot::One(person)) if self.persons.get(*person).is_some_and(|p| p.given.is_empty()) => {
                Found::Person(*person, Part::Initial)
            }
            _ => Found::Nobody,
        }
    }

    fn find_last(&self, name: &Name<'_>) -> Found {
        let last = name.last();
        if let Some(gender) = name.gender {
            match self.by_titled.get(&(gender, last.clone())) {
                Some(Slot::One(person)) => return Found::Person(*person, Part::Last),
                Some(Slot::Many) => return Found::Ambiguous(Part::Last),
                None => {}
            }
        }
        match (self.by_last.get(&last), self.by_first.get(&last)) {
            (Some(Slot::One(person)), _) if self.fits(*person, name) => Found::Person(*person, Part::Last),
            (Some(Slot::One(_)), _) => Found::Spouse,
            (Some(Slot::Many), _) => Found::Ambiguous(Part::Last),
            // "Ms Maria"
            (None, Some(Slot::One(person))) => Found::Person(*person, Part::First),
            (None, Some(Slot::Many)) => Found::Ambiguous(Part::First),
            (None, None) => Found::Nobody,
        }
    }

    /// Whether no title contradicts.
    fn fits(&self, person: usize, name: &Name<'_>) -> bool {
        let known = self.persons.get(person).and_then(|p| p.gender);
        known.is_none() || name.gender.is_none() || known == name.gender
    }

    fn find_first(&self, first: &str) -> Found {
        match (self.by_first.get(first), self.by_last.get(first)) {
            (Some(Slot::One(person)), _) => Found::Person(*person, Part::First),
            (Some(Slot::Many), _) => Found::Ambiguous(Part::First),
            (None, Some(Slot::One(person))) => Found::Person(*person, Part::Last),
            (None, Some(Slot::Many)) => Found::Ambiguous(Part::Last),
            (None, None) => Found::Nobody,
        }
    }

    fn find_single(&self, word: &str) -> Found {
        match (self.by_last.get(word), self.by_first.get(word)) {
            (None, None) => Found::Nobody,
            (Some(Slot::One(a)), Some(Slot::One(b))) if a == b => {
                // Nothing but this word is known of the person, or it was known before the rest.
                let is_all = self
                    .persons
                    .get(*a)
                    .is_some_and(|p| p.given.is_empty() && !p.has_surname);
                Found::Person(
                    *a,
                    if is_all {
                        Part::Full
                    } else {
                        self.part_of(*a, word)
                    },
                )
            }
            (Some(Slot::One(person)), None) => Found::Person(*person, Part::Last),
            (None, Some(Slot::One(person))) => Found::Person(*person, Part::First),
            (None, Some(_)) => Found::Ambiguous(Part::First),
            _ => Found::Ambiguous(Part::Last),
        }
    }

    fn part_of(&self, person: usize, word: &str) -> Part {
        match self.persons.get(person) {
            Some(p) if p.given.first().is_some_and(|g| g == word) => Part::First,
            _ => Part::Last,
        }
    }

    fn is_without_given(&self, person: usize) -> bool {
        self.persons
            .get(person)
            .is_some_and(|p| p.given.iter().all(|g| g.chars().count() == 1))
    }

    /// Whether both lists of middle names could belong to one person: one has none, or they agree as far as both go, an
    /// initial standing for any name that begins with it.
    fn has_compatible_middle(&self, person: usize, name: &Name<'_>) -> bool {
        let Some(known) = self.persons.get(person) else {
            return false;
        };
        let agree = |(a, b): (&String, &String)| {
            let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
            a == b || (short.chars().count() == 1 && long.starts_with(short.as_str()))
        };
        known
            .given
            .iter()
            .skip(1)
            .zip(name.given.iter().skip(1))
            .all(agree)
    }

    fn remembered(&self, identity: &str, part: Part) -> Option<Mention> {
        let person = self.by_identity.get(identity)?;
        Some(self.mention(*person, part))
    }

    fn mention(&self, person: usize, part: Part) -> Mention {
        let identity = self
            .persons
            .get(person)
            .map_or_else(|| Arc::from(""), |p| Arc::clone(&p.identity));
        Mention {
            person,
            part,
            identity,
        }
    }

    fn new_person(&mut self, identity: &str, part: Part, name: Option<&Name<'_>>) -> Mention {
        let identity: Arc<str> = Arc::from(identity);
        if self.persons.len() >= MAX_PERSONS {
            self.overflow += 1;
            let person = self.persons.len() + self.overflow - 1;
            return Mention {
                person,
                part,
                identity,
            };
        }
        let person = self.persons.len();
        self.persons.push(Person {
            identity: Arc::clone(&identity),
            given: Vec::new(),
            has_surname: false,
            gender: None,
        });
        self.by_identity.entry(Arc::clone(&identity)).or_insert(person);
        if let Some(name) = name {
            self.learn(person, name);
        }
        Mention {
            person,
            part,
            identity,
        }
    }

    /// Adds what `name` says about `person`.
    fn learn(&mut self, person: usize, name: &Name<'_>) {
        let last = name.last();
        if name.shape == Shape::Single {
            // Either: the next full name will tell.
            note(&mut self.by_last, last.clone(), person);
            note(&mut self.by_first, last, person);
            return;
        }
        let Some(known) = self.persons.get_mut(person) else {
            return;
        };
        let is_more =
            name.given.len() > known.given.len() || (known.given.iter().all(|g| g.chars().count() == 1));
        if is_more && matches!(name.shape, Shape::Full | Shape::Initial | Shape::First) {
            known.given.clone_from(&name.given);
        }
        known.gender = known.gender.or(name.gender);
        let gender = known.gender;
        known.has_surname |= matches!(name.shape, Shape::Full | Shape::Initial | Shape::Last);
        if name.shape == Shape::Full {
            note(&mut self.by_full, (name.first().to_owned(), last.clone()), person);
        }
        if matches!(name.shape, Shape::Full | Shape::First) {
            note(&mut self.by_first, name.first().to_owned(), person);
        }
        if let Some(initial) = name.first().chars().next().filter(|_| !last.is_empty()) {
            note(&mut self.by_initial, (initial, last.clone()), person);
        }
        if !last.is_empty() {
            for other in name.other_surnames() {
                note(&mut self.by_last, other.to_owned(), person);
            }
            if let Some(gender) = gender {
                note(&mut self.by_titled, (gender, last.clone()), person);
            }
            note(&mut self.by_last, last, person);
        }
    }
}

fn mark(gender: Option<Gender>) -> &'static str {
    match gender {
        Some(Gender::Female) => "f:",
        Some(Gender::Male) => "m:",
        None => "",
    }
}

fn note<K: Eq + std::hash::Hash>(map: &mut HashMap<K, Slot>, key: K, person: usize) {
    map.entry(key)
        .and_modify(|slot| {
            if *slot != Slot::One(person) {
                *slot = Slot::Many;
            }
        })
        .or_insert(Slot::One(person));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Persons of `names`, in order.
    fn persons(names: &[&str]) -> Vec<usize> {
        let mut mentions = Mentions::new();
        names.iter().map(|name| mentions.link(name).person).collect()
    }

    #[test]
    fn the_ways_to_write_one_person_are_linked() {
        let names = [
            "Maria Lopez",
            "Ms Lopez",
            "M. Lopez",
            "Maria",
            "LOPEZ, Maria",
            "maria lopez",
            "López",
            "Señora López",
            "Maria's",
            "Frau Lopez",
            "Mme Lopez",
            "Maria E. Lopez",
            "LOPEZ Maria",
            "Dr. Maria Lopez",
            "Maria Lopez’s",
        ];
        assert_eq!(persons(&names), [0; 15]);
    }

    #[test]
    fn parts_are_told_apart() {
        let mut mentions = Mentions::new();
        let parts: Vec<_> = ["Maria Lopez", "Ms Lopez", "M. Lopez", "Maria", "Lopez, Maria"]
            .iter()
            .map(|name| mentions.link(name).part)
            .collect();
        assert_eq!(
            parts,
            [Part::Full, Part::Last, Part::Initial, Part::First, Part::Full]
        );
    }

    #[test]
    fn two_full_names_are_two_persons_and_what_fits_both_is_a_third() {
        assert_eq!(
            persons(&[
                "Maria Lopez",
                "Juan Lopez",
                "Lopez",
                "Maria",
                "Juan",
                "Ms Lopez",
                "J. Lopez",
                "Lopez"
            ]),
            [0, 1, 2, 0, 1, 3, 1, 2]
        );
        assert_eq!(
            persons(&["Maria Lopez", "Maria Garcia", "Maria", "Garcia"]),
            [0, 1, 2, 1]
        );
        assert_eq!(persons(&["John Smith", "Jane Smith", "J. Smith"]), [0, 1, 2]);
        assert_eq!(
            persons(&["Ann B. Lee", "Ann C. Lee", "Ann Lee", "Ann B. Lee"]),
            [0, 1, 2, 0]
        );
    }

    #[test]
    fn a_full_name_after_a_short_one_is_the_same_person_and_the_past_stays() {
        assert_eq!(
            persons(&["Lopez", "Maria Lopez", "Juan Lopez", "Maria", "Lopez"]),
            [0, 0, 1, 0, 2]
        );
        assert_eq!(persons(&["Maria", "Maria Lopez", "Ms Lopez"]), [0, 0, 0]);
        assert_eq!(
            persons(&["Maria Lopez", "Maria", "Juan Maria", "Mr Maria", "Maria"]),
            [0, 0, 1, 1, 2]
        );
        assert_eq!(persons(&["M. Lopez", "Maria Lopez", "Max Lopez"]), [0, 0, 1]);
        assert_eq!(persons(&["Mr Lopez", "J. Lopez", "Juan Lopez"]), [0, 0, 0]);
    }

    #[test]
    fn a_couple_with_one_surname_is_two_persons() {
        assert_eq!(
            persons(&["Mr Smith", "Mrs Smith", "Mr. Smith", "Mrs Smith"]),
            [0, 1, 0, 1]
        );
        assert_eq!(
            persons(&["Frau Maria Lopez", "Herr Lopez", "Frau Lopez", "Herr Lopez"]),
            [0, 1, 0, 1]
        );
        assert_eq!(
            persons(&["Maria Lopez", "Ms Lopez", "Mr Lopez", "Dr Lopez"]),
            [0, 0, 1, 2]
        );
        assert_eq!(
            persons(&["Mr Smith", "Mrs Jane Smith", "Mr John Smith"])[..2],
            [0, 1]
        );
    }

    #[test]
    fn particles_hyphens_and_second_surnames_are_known() {
        assert_eq!(
            persons(&["Vincent van Gogh", "Van Gogh", "Gogh", "Mr van Gogh"]),
            [0; 4]
        );
        assert_eq!(
            persons(&["Omar al-Rashid", "al-Rashid", "Rashid", "Mr. Al-Rashid"]),
            [0; 4]
        );
        assert_eq!(
            persons(&["Ana García Márquez", "Sra. García", "Márquez", "García Márquez"])[..3],
            [0; 3]
        );
        assert_eq!(
            persons(&["Ana Smith-Jones", "Ms Smith-Jones", "Mrs Jones"]),
            [0; 3]
        );
        assert_eq!(persons(&["Charles de la Cruz", "De la Cruz", "Mr Cruz"]), [0; 3]);
        assert_eq!(persons(&["Ludwig von Mises", "Herr von Mises", "Mises"]), [0; 3]);
    }

    #[test]
    fn other_scripts_are_linked_by_their_words() {
        assert_eq!(
            persons(&["Лев Толстой", "Толстой", "Л. Толстой", "王小明", "王小明", "王"]),
            [0, 0, 0, 1, 1, 2]
        );
    }

    #[test]
    fn what_cannot_be_taken_apart_is_itself() {
        assert_eq!(persons(&["", "...", "Dr.", "Dr.", "…"])[2..4], [1, 1]);
        let long = "x".repeat(300);
        assert_eq!(persons(&[&long, &long, "Maria"]), [0, 0, 1]);
    }

    #[test]
    fn memory_is_bounded_and_names_past_the_bound_keep_their_identity() {
        let mut mentions = Mentions::new();
        for i in 0..MAX_PERSONS + 10 {
            mentions.link(&format!("Given{i} Family{i}"));
        }
        assert_eq!(mentions.persons.len(), MAX_PERSONS);
        assert_eq!(mentions.persons(), MAX_PERSONS + 10);
        let late = |mentions: &mut Mentions| mentions.link("Late Comer").identity;
        assert_eq!(late(&mut mentions), late(&mut mentions));
        assert_eq!(mentions.link("Given7 Family7").person, 7);
    }

    fn names() -> impl Strategy<Value = Vec<String>> {
        let first = prop::sample::select(vec!["Maria", "Juan", "M.", "J.", "", "Ms", "Dr. Maria"]);
        let last = prop::sample::select(vec!["Lopez", "García", "van Dyk", "", "Lopez-García", "LOPEZ"]);
        prop::collection::vec(
            (first, last).prop_map(|(f, l)| format!("{f} {l}").trim().to_owned()),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn later_mentions_never_change_earlier_ones(before in names(), after in names()) {
            let run = |names: &[String]| -> Vec<Mention> {
                let mut mentions = Mentions::new();
                names.iter().map(|name| mentions.link(name)).collect()
            };
            let all: Vec<String> = before.iter().chain(&after).cloned().collect();
            prop_assert_eq!(&run(&all)[..before.len()], &run(&before)[..]);
        }

        #[test]
        fn identities_and_persons_go_together(names in names()) {
            let mut mentions = Mentions::new();
            let seen: Vec<Mention> = names.iter().map(|name| mentions.link(name)).collect();
            for a in &seen {
                for b in &seen {
                    prop_assert_eq!(a.person == b.person, a.identity == b.identity);
                }
            }
        }

        #[test]
        fn any_text_is_linked_without_a_panic(names in prop::collection::vec("\\PC{0,20}", 0..8)) {
            let mut mentions = Mentions::new();
            for name in &names {
                mentions.link(name);
            }
        }
    }
}
