//! What the labels of a token classifier mean.

use std::collections::BTreeMap;

use privet_types::Entity;

use crate::error::Error;

/// What labels are taken for: the usual names, and what the user says of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// By label, with or without the mark of its place; none stands for what is not looked for.
    own: BTreeMap<String, Option<Entity>>,
}

/// Where a word with a label stands in its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first of several, or of one.
    First,
    /// Behind another one.
    Inside,
    /// The last of several.
    Last,
    /// The only one.
    Whole,
    /// The label does not say.
    Any,
}

/// What one label means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// None if it is nothing, or nothing that is looked for.
    pub(super) entity: Option<Entity>,
    pub(super) place: Place,
}

/// Labels' usual names, in capitals with `_` between words, and the kinds they mean: those of CoNLL-2003, OntoNotes 5, i2b2 2014,
/// and of data sets of personal data that are widely trained on. Sorted by name.
#[rustfmt::skip]
const USUAL: &[(&str, Entity)] = &[
    ("ADDR", Entity::STREET_ADDRESS), ("ADDRESS", Entity::STREET_ADDRESS), ("BUILDINGNUM", Entity::STREET_ADDRESS),
    ("BUILDINGNUMBER", Entity::STREET_ADDRESS), ("CITY", Entity::LOCATION), ("COMPANY", Entity::ORGANIZATION),
    ("COMPANYNAME", Entity::ORGANIZATION), ("COMPANY_NAME", Entity::ORGANIZATION), ("COUNTRY", Entity::LOCATION),
    ("COUNTY", Entity::LOCATION), ("CREDITCARD", Entity::CREDIT_CARD), ("CREDITCARDNUMBER", Entity::CREDIT_CARD),
    ("CREDIT_CARD_NUMBER", Entity::CREDIT_CARD), ("DATE", Entity::DATE_TIME), ("DATEOFBIRTH", Entity::DATE_OF_BIRTH),
    ("DATETIME", Entity::DATE_TIME), ("DOB", Entity::DATE_OF_BIRTH), ("DOCTOR", Entity::PERSON),
    ("EMAIL", Entity::EMAIL_ADDRESS), ("E_MAIL", Entity::EMAIL_ADDRESS), ("FAC", Entity::LOCATION),
    ("FIRSTNAME", Entity::PERSON), ("FIRST_NAME", Entity::PERSON), ("GIVENNAME", Entity::PERSON),
    ("GIVEN_NAME", Entity::PERSON), ("GPE", Entity::LOCATION), ("HOSPITAL", Entity::ORGANIZATION),
    ("IBAN", Entity::IBAN_CODE), ("IP", Entity::IP_ADDRESS), ("IPADDRESS", Entity::IP_ADDRESS), ("IPV4", Entity::IP_ADDRESS),
    ("IPV6", Entity::IP_ADDRESS), ("LASTNAME", Entity::PERSON), ("LAST_NAME", Entity::PERSON), ("LOC", Entity::LOCATION),
    ("MAC", Entity::MAC_ADDRESS), ("MIDDLENAME", Entity::PERSON), ("MIDDLE_NAME", Entity::PERSON), ("NAME", Entity::PERSON),
    ("NORP", Entity::NRP), ("ORG", Entity::ORGANIZATION), ("ORGANISATION", Entity::ORGANIZATION),
    ("PATIENT", Entity::PERSON), ("PER", Entity::PERSON), ("PERSON_NAME", Entity::PERSON), ("PHONE", Entity::PHONE_NUMBER),
    ("PHONENUMBER", Entity::PHONE_NUMBER), ("POSTCODE", Entity::ZIP_CODE), ("SECONDARYADDRESS", Entity::STREET_ADDRESS),
    ("SOCIALNUM", Entity::US_SSN), ("SSN", Entity::US_SSN), ("STAFF", Entity::PERSON), ("STATE", Entity::LOCATION),
    ("STREET", Entity::STREET_ADDRESS), ("STREETADDRESS", Entity::STREET_ADDRESS), ("SURNAME", Entity::PERSON),
    ("TELEPHONE", Entity::PHONE_NUMBER), ("TELEPHONENUM", Entity::PHONE_NUMBER), ("TIME", Entity::DATE_TIME),
    ("USER_NAME", Entity::USERNAME), ("ZIP", Entity::ZIP_CODE), ("ZIPCODE", Entity::ZIP_CODE),
];

/// Labels that are no kind of personal data: CoNLL-2003's remainder.
const NOTHING: [&str; 2] = ["MISC", "MISCELLANEOUS"];

fn bad(problem: String) -> Error {
    Error::Classifier { problem }
}

impl Labels {
    /// Takes `label` for the kind `kind`, or for nothing if that is `ignore`.
    ///
    /// `label`: one of the configuration, such as `B-DEVICE`, or without the mark of its place, `DEVICE`.
    ///
    /// # Errors
    /// [`Error::Classifier`] if `kind` is none that Privet knows, or `label` is empty.
    pub fn insert(&mut self, label: &str, kind: &str) -> Result<(), Error> {
        let entity = match kind {
            "ignore" => None,
            "SURROGATE" => return Err(bad("`SURROGATE` is reserved for stand-ins; name another kind".to_owned())),
            _ => Some(Entity::ALL.iter().copied().find(|e| e.name() == kind).ok_or_else(|| {
                bad(format!(
                    "`{kind}` is no kind; `privet pii entities` lists them, and `ignore` stands for none"
                ))
            })?),
        };
        if label.is_empty() {
            return Err(bad("a label has no name".to_owned()));
        }
        self.own.insert(label.to_owned(), entity);
        Ok(())
    }

    /// The labels that the user spoke of, with the kind's name or `ignore`.
    #[must_use]
    pub fn own(&self) -> BTreeMap<String, String> {
        let named = self.own.iter().map(|(label, entity)| {
            let kind = entity.map_or_else(|| "ignore".to_owned(), |entity| entity.to_string());
            (label.clone(), kind)
        });
        named.collect()
    }

    /// What each of `labels` means.
    ///
    /// # Errors
    /// [`Error::Classifier`] if one is not known, or the user spoke of one that is not there.
    pub(super) fn meanings(&self, labels: &[&str]) -> Result<Vec<Meaning>, Error> {
        let is_there = |own: &&String| {
            !labels
                .iter()
                .any(|label| label == own || place_of(label).1 == own.as_str())
        };
        if let Some(stranger) = self.own.keys().find(is_there) {
            return Err(bad(format!(
                "it has no label `{stranger}`; its labels are {}",
                listed(labels)
            )));
        }
        let known = labels.iter().map(|label| self.meaning(label).ok_or(*label));
        let mut meanings = Vec::with_capacity(labels.len());
        let mut unknown = Vec::new();
        for meaning in known {
            match meaning {
                Ok(meaning) => meanings.push(meaning),
                Err(label) => {
                    let name = place_of(label).1;
                    if !unknown.contains(&name) {
                        unknown.push(name);
                    }
                }
            }
        }
        if unknown.is_empty() {
            return Ok(meanings);
        }
        Err(bad(format!(
            "what its labels {} mean is not known; say it of each with `--map LABEL=KIND` or `--map LABEL=ignore` \
             (`privet pii entities` lists kinds)",
            listed(&unknown)
        )))
    }

    fn meaning(&self, label: &str) -> Option<Meaning> {
        let (place, name) = place_of(label);
        if let Some(entity) = self.own.get(label).or_else(|| self.own.get(name)) {
            return Some(Meaning {
                entity: *entity,
                place,
            });
        }
        // `E-MAIL` is no end of a `MAIL`.
        let whole = usual(label).map(|entity| (entity, Place::Any));
        let (entity, place) = whole.or_else(|| usual(name).map(|entity| (entity, place)))?;
        Some(Meaning { entity, place })
    }
}

/// What a label's name usually means.
fn usual(name: &str) -> Option<Option<Entity>> {
    let name: String = name
        .chars()
        .map(|c| {
            if matches!(c, '-' | ' ') {
                '_'
            } else {
                c.to_ascii_uppercase()
            }
        })
        .collect();
    if name == "O" || NOTHING.contains(&name.as_str()) {
        return Some(None);
    }
    let listed = USUAL
        .binary_search_by_key(&name.as_str(), |(own, _)| own)
        .ok()
        .and_then(|at| USUAL.get(at))
        .map(|(_, entity)| *entity);
    listed
        .or_else(|| Entity::ALL.iter().copied().find(|e| e.name() == name))
        .filter(|entity| *entity != Entity::SURROGATE)
        .map(Some)
}

/// The mark of a place before a label's name, and the name: `B-PER`. BIO, BIOES and BILUO are understood, and names alone.
fn place_of(label: &str) -> (Place, &str) {
    let marked = label.split_once('-').filter(|(_, name)| !name.is_empty());
    match marked {
        Some(("B", name)) => (Place::First, name),
        Some(("I" | "M", name)) => (Place::Inside, name),
        Some(("E" | "L", name)) => (Place::Last, name),
        Some(("S" | "U", name)) => (Place::Whole, name),
        _ => (Place::Any, label),
    }
}

/// Names in backticks, fit to be shown.
fn listed(labels: &[&str]) -> String {
    let shown = labels.iter().map(|label| {
        let label: String = label.chars().filter(|c| !c.is_control()).take(40).collect();
        format!("`{label}`")
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_sorted_for_the_search() {
        assert!(USUAL.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn every_scheme_of_places_is_understood() {
        let labels = [
            "O",
            "B-PER",
            "I-PER",
            "E-PER",
            "S-PER",
            "L-PER",
            "U-PER",
            "PER",
            "E-MAIL",
            "phone number",
        ];
        let meanings = Labels::default().meanings(&labels).unwrap();
        let places: Vec<Place> = meanings.iter().map(|m| m.place).collect();
        use Place::{Any, First, Inside, Last, Whole};
        assert_eq!(
            places,
            [Any, First, Inside, Last, Whole, Last, Whole, Any, Any, Any]
        );
        assert_eq!(meanings[8].entity, Some(Entity::EMAIL_ADDRESS));
        assert_eq!(meanings[9].entity, Some(Entity::PHONE_NUMBER));
    }

    #[test]
    fn unknown_labels_are_listed_once_with_the_way_out_and_can_be_mapped() {
        let labels = ["O", "B-DEVICE", "I-DEVICE", "LABEL_7", "B-PER"];
        let error = Labels::default().meanings(&labels).unwrap_err().to_string();
        assert!(
            error.contains("`DEVICE`, `LABEL_7` mean") && error.contains("--map"),
            "{error}"
        );
        let mut own = Labels::default();
        own.insert("DEVICE", "MAC_ADDRESS").unwrap();
        own.insert("LABEL_7", "ignore").unwrap();
        own.insert("B-PER", "USERNAME").unwrap();
        let kinds: Vec<_> = own.meanings(&labels).unwrap().iter().map(|m| m.entity).collect();
        let device = Some(Entity::MAC_ADDRESS);
        assert_eq!(kinds, [None, device, device, None, Some(Entity::USERNAME)]);
    }

    #[test]
    fn a_kind_or_a_label_that_is_not_there_is_refused() {
        let mut own = Labels::default();
        assert!(
            own.insert("DEVICE", "GADGET")
                .unwrap_err()
                .to_string()
                .contains("`GADGET`")
        );
        own.insert("ROBOT", "PERSON").unwrap();
        let error = own.meanings(&["O", "B-PER"]).unwrap_err().to_string();
        assert!(error.contains("`ROBOT`") && error.contains("`B-PER`"), "{error}");
    }
}
