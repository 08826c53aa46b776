//! Ids of events that are no calls: UUIDs of version 8, which hold the event's number.
//!
//! Who lists the events of a subject gets ids that nobody can make who has not that subject's key: its number, how the
//! subject's id begins, and a keyed hash. They lead nowhere once the key is shredded. Who reads the whole log gets the bare
//! number.

use privet_crypto::HashKey;

use crate::SubjectId;

/// What bare numbers begin with, as hexadecimal digits.
const PREFIX: &str = "707269766574";
/// Hexadecimal digits of the number in a keyed id, and of its hash.
const DIGITS: usize = 12;
/// Hexadecimal digits of the subject's id in a keyed id.
const BEGINNING: usize = 6;

/// What an id says that is not random.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EventId {
    /// The number of an event.
    Bare(i64),
    /// One that was made for who lists the events of a subject. To be compared with [`keyed`].
    Keyed {
        /// The number of the event.
        number: i64,
        /// How the id of the subject begins.
        beginning: String,
    },
}

/// What `id` says, if it is no random one.
pub(super) fn read(id: &str) -> Option<EventId> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let (first, rest) = digits.split_at_checked(DIGITS)?;
    let rest = rest.strip_prefix('8')?;
    let (high, rest) = (rest.get(..3)?, rest.get(3..)?.strip_prefix('8')?);
    (rest.len() == 15).then_some(())?;
    if first == PREFIX {
        let number = i64::from_str_radix(&format!("{high}{rest}"), 16).ok()?;
        return Some(EventId::Bare(number));
    }
    Some(EventId::Keyed {
        number: i64::from_str_radix(first, 16).ok()?,
        beginning: format!("{high}{}", rest.get(..3)?),
    })
}

/// The event `number` by itself.
pub(super) fn bare(number: i64) -> String {
    let digits = format!("{number:018x}");
    uuid(PREFIX, digits.get(..6), digits.get(6..))
}

/// The event `number` of `subject`, whose key is `key`.
pub(super) fn keyed(key: &HashKey, tenant: &str, subject: &SubjectId, number: i64) -> String {
    let digits = format!("{number:012x}");
    let hash = key.hash_hex(&[
        b"privet/vault/event",
        tenant.as_bytes(),
        subject.as_str().as_bytes(),
        &number.to_be_bytes(),
    ]);
    // Past 48 bits an id leads nowhere: its hash is that of the whole number.
    let low = digits.len().saturating_sub(DIGITS);
    uuid(
        digits.get(low..).unwrap_or_default(),
        subject.as_str().get(..BEGINNING),
        hash.get(..DIGITS),
    )
}

/// A UUID of version 8: 12, 6 and 12 digits, with those of version and variant in their places.
fn uuid(first: &str, middle: Option<&str>, last: Option<&str>) -> String {
    let part = |text: &str, from, to| text.get(from..to).unwrap_or_default().to_owned();
    let (middle, last) = (middle.unwrap_or_default(), last.unwrap_or_default());
    format!(
        "{}-{}-8{}-8{}-{last}",
        part(first, 0, 8),
        part(first, 8, DIGITS),
        part(middle, 0, 3),
        part(middle, 3, BEGINNING)
    )
}

#[cfg(test)]
mod tests {
    use privet_crypto::DataKey;

    use super::*;

    const SUBJECT: &str = "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a11";

    #[test]
    fn the_id_of_an_event_leads_back_to_it() {
        let subject: SubjectId = SUBJECT.parse().unwrap();
        let key = DataKey::generate().unwrap().pseudonym_key();
        for event in [0, 1, 4096, 1 << 47, 1 << 50, i64::MAX] {
            let id = bare(event);
            assert_eq!(id.len(), 36, "{id}");
            assert!(id.parse::<SubjectId>().is_ok(), "{id}");
            assert_eq!(read(&id), Some(EventId::Bare(event)), "{id}");
        }
        for event in [0, 1, 4096, 1 << 47] {
            let id = keyed(&key, "acme", &subject, event);
            assert_eq!(id.len(), 36, "{id}");
            assert!(id.parse::<SubjectId>().is_ok(), "{id}");
            let beginning = "0b0a4d".to_owned();
            let number = event;
            assert_eq!(read(&id), Some(EventId::Keyed { number, beginning }), "{id}");
        }
        for other in ["", "x", "00000000-0000-4000-8000-000000000000", "70726976-6574-8"] {
            assert_eq!(read(other), None);
        }
    }

    #[test]
    fn nobody_makes_an_id_without_the_key_of_this_subject() {
        let [one, two] = [SUBJECT, "0b0a4d0c-3a53-4c39-9d2f-6f1c1e9e9a12"].map(|id| id.parse().unwrap());
        let key = DataKey::generate().unwrap().pseudonym_key();
        let other = DataKey::generate().unwrap().pseudonym_key();
        let ids = std::collections::BTreeSet::from([
            keyed(&key, "acme", &one, 7),
            keyed(&other, "acme", &one, 7),
            keyed(&key, "globex", &one, 7),
            keyed(&key, "acme", &two, 7),
            keyed(&key, "acme", &one, 7 + (1 << 48)),
        ]);
        assert_eq!(ids.len(), 5, "{ids:?}");
    }
}
