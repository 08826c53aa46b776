//! A record as it is stored: a container of fields, each sealed by itself.
//!
//! ```text
//! 1   format, 1
//! 2   number of fields n, little-endian
//! n × 20  directory, sorted: locator (16), length of the sealed field (4, little-endian)
//! …   the sealed fields, in the order of the directory
//! 98  the seal of the whole: the sealed SHA-256 of all before
//! ```
//!
//! A locator is a keyed hash of the field's name under the subject's key, so that one field can be found and opened
//! alone; name and value are sealed together. Each seal is bound to tenant, subject, record, locator, schema and version.
//! The seal of the whole is checked before any field is opened: a field that was taken out, or a container put together
//! from two, does not open. What shows: how many fields there are and how long each is.

use std::collections::BTreeMap;

use privet_crypto::{Context, KeyId, SEALED_OVERHEAD, SealedHeader, sha256};

use super::keys::SubjectKeys;
use super::record::Record;
use crate::Error;

const FORMAT: u8 = 1;
/// The way plain values are written: name's length (2 bytes), name, JSON.
const SCHEMA: u32 = 1;
const LOCATOR_SIZE: usize = 16;
const ENTRY_SIZE: usize = LOCATOR_SIZE + 4;
const WHOLE_SIZE: usize = SEALED_OVERHEAD + 32;
/// The field of the seal of the whole: no locator has its length.
const WHOLE: &[u8] = b"whole";

/// Where a container belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Whose installation space.
    pub(crate) tenant: &'a str,
    /// Whom it is about; empty for what has no subject.
    pub(crate) subject: &'a str,
    /// Which record, with what else is to be bound: `record/…`, `app/…`.
    pub(crate) record: &'a str,
    /// The record's version.
    pub(crate) version: u64,
    /// The table it is in.
    pub(crate) table: &'static str,
}

impl Place<'_> {
    fn context<'a>(&'a self, field: &'a [u8]) -> Context<'a> {
        Context {
            tenant: self.tenant.as_bytes(),
            subject: self.subject.as_bytes(),
            record: self.record.as_bytes(),
            field,
            schema: SCHEMA,
            version: self.version,
        }
    }

    fn locator(&self, keys: &SubjectKeys, name: &str) -> [u8; LOCATOR_SIZE] {
        let hash = keys.mark(
            "privet/vault/field",
            &[
                self.record.as_bytes(),
                &self.version.to_le_bytes(),
                name.as_bytes(),
            ],
        );
        hash.first_chunk().copied().unwrap_or_default()
    }

    const fn damaged(&self) -> Error {
        Error::Damaged { table: self.table }
    }
}

/// The container of `record`.
pub(crate) fn seal(keys: &SubjectKeys, place: &Place<'_>, record: &Record) -> Result<Vec<u8>, Error> {
    let mut fields = BTreeMap::new();
    for (name, value) in record.fields() {
        let mut plain = Vec::with_capacity(name.len() + 64);
        let length = u16::try_from(name.len()).map_err(|_| Error::BadRecord {
            why: "the name of a field is too long",
        })?;
        plain.extend_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(name.as_bytes());
        serde_json::to_writer(&mut plain, value).map_err(Error::Json)?;
        let locator = place.locator(keys, name);
        let sealed = keys.record.seal(&keys.count, &place.context(&locator), &plain)?;
        fields.insert(locator, sealed);
    }
    let count = u16::try_from(fields.len()).map_err(|_| Error::BadRecord {
        why: "a record has 1,024 fields at most",
    })?;
    let bytes: usize = fields.values().map(|sealed| sealed.len() + ENTRY_SIZE).sum();
    let mut container = Vec::with_capacity(3 + bytes + WHOLE_SIZE);
    container.push(FORMAT);
    container.extend_from_slice(&count.to_le_bytes());
    for (locator, sealed) in &fields {
        container.extend_from_slice(locator);
        let length = u32::try_from(sealed.len()).map_err(|_| Error::BadRecord {
            why: "a field is too long",
        })?;
        container.extend_from_slice(&length.to_le_bytes());
    }
    for sealed in fields.values() {
        container.extend_from_slice(sealed);
    }
    let whole = keys
        .record
        .seal(&keys.count, &place.context(WHOLE), &sha256(&container))?;
    container.extend_from_slice(&whole);
    Ok(container)
}

/// The record that [`seal`] made for the same place.
pub(crate) fn open(keys: &SubjectKeys, place: &Place<'_>, container: &[u8]) -> Result<Record, Error> {
    let mut record = BTreeMap::new();
    for (locator, sealed) in directory(keys, place, container)? {
        let (name, value) = open_field(keys, place, &locator, sealed)?;
        record.insert(name, value);
    }
    Record::from_fields(record)
}

/// Those of the fields `names` that the record has; no other is opened.
pub(crate) fn open_fields<'n>(
    keys: &SubjectKeys,
    place: &Place<'_>,
    container: &[u8],
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Record, Error> {
    let directory = directory(keys, place, container)?;
    let mut record = BTreeMap::new();
    for name in names {
        let locator = place.locator(keys, name);
        if let Some(sealed) = directory.get(&locator) {
            let (found, value) = open_field(keys, place, &locator, sealed)?;
            if found != name {
                return Err(place.damaged());
            }
            record.insert(found, value);
        }
    }
    Record::from_fields(record)
}

/// The keys that a container and its fields say they are sealed under, the whole first; `None` where what stands there is no
/// sealed value of an algorithm known here. Nothing is opened.
pub(crate) fn headers(container: &[u8]) -> Vec<Option<KeyId>> {
    let header = |sealed: &[u8]| SealedHeader::parse(sealed).ok().map(|header| header.key_id());
    let split = container.len().checked_sub(WHOLE_SIZE);
    let Some((fields, whole)) = split.and_then(|split| container.split_at_checked(split)) else {
        return vec![None];
    };
    match read_directory(fields) {
        Some(fields) => std::iter::once(header(whole))
            .chain(fields.into_values().map(header))
            .collect(),
        None => vec![None],
    }
}

fn open_field(
    keys: &SubjectKeys,
    place: &Place<'_>,
    locator: &[u8],
    sealed: &[u8],
) -> Result<(String, serde_json::Value), Error> {
    let plain = keys
        .record
        .open(&place.context(locator), sealed)
        .map_err(|_| place.damaged())?;
    let read = || {
        let (length, rest) = plain.split_first_chunk()?;
        let (name, value) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let name = std::str::from_utf8(name).ok()?;
        Some((name.to_owned(), serde_json::from_slice(value).ok()?))
    };
    read().ok_or_else(|| place.damaged())
}

/// Where the sealed fields are, by locator, once the whole is known to be what was written.
fn directory<'c>(
    keys: &SubjectKeys,
    place: &Place<'_>,
    container: &'c [u8],
) -> Result<BTreeMap<[u8; LOCATOR_SIZE], &'c [u8]>, Error> {
    let split = container
        .len()
        .checked_sub(WHOLE_SIZE)
        .ok_or_else(|| place.damaged())?;
    let (fields, whole) = container.split_at_checked(split).ok_or_else(|| place.damaged())?;
    let hash = keys
        .record
        .open(&place.context(WHOLE), whole)
        .map_err(|_| place.damaged())?;
    if hash.as_slice() != sha256(fields) {
        return Err(place.damaged());
    }
    read_directory(fields).ok_or_else(|| place.damaged())
}

fn read_directory(fields: &[u8]) -> Option<BTreeMap<[u8; LOCATOR_SIZE], &[u8]>> {
    let (format, rest) = fields.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let (count, rest) = rest.split_first_chunk()?;
    let (mut entries, mut bodies) =
        rest.split_at_checked(usize::from(u16::from_le_bytes(*count)) * ENTRY_SIZE)?;
    let mut directory = BTreeMap::new();
    while let Some((locator, rest)) = entries.split_first_chunk() {
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (sealed, after) = bodies.split_at_checked(length)?;
        directory.insert(*locator, sealed);
        (entries, bodies) = (rest, after);
    }
    bodies.is_empty().then_some(directory)
}

#[cfg(test)]
mod tests {
    use privet_crypto::DataKey;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const PLACE: Place<'static> = Place {
        tenant: "acme",
        subject: "s-1",
        record: "record/7",
        version: 3,
        table: "subject_versions",
    };

    fn keys() -> SubjectKeys {
        SubjectKeys::new(&DataKey::generate().unwrap())
    }

    fn record() -> Record {
        Record::from_value(json!({"email": "ann@example.org", "name": {"first": "Ann"}, "age": 41})).unwrap()
    }

    #[test]
    fn one_field_opens_alone() {
        let keys = keys();
        let container = seal(&keys, &PLACE, &record()).unwrap();
        let opened = open_fields(&keys, &PLACE, &container, ["age", "none"]).unwrap();
        assert_eq!(opened.into_value(), json!({"age": 41}));
    }

    #[test]
    fn neither_names_nor_values_show() {
        let container = seal(&keys(), &PLACE, &record()).unwrap();
        let shows = |text: &[u8]| container.windows(text.len()).any(|bytes| bytes == text);
        assert!(!shows(b"email") && !shows(b"ann@") && !shows(b"first"));
    }

    #[test]
    fn every_changed_byte_is_an_error_even_where_one_field_is_read() {
        let keys = keys();
        let container = seal(&keys, &PLACE, &record()).unwrap();
        for at in 0..container.len() {
            for bit in [1, 0x80] {
                let mut changed = container.clone();
                changed[at] ^= bit;
                assert!(open(&keys, &PLACE, &changed).is_err(), "byte {at}");
                assert!(
                    open_fields(&keys, &PLACE, &changed, ["age"]).is_err(),
                    "byte {at}"
                );
            }
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let keys = keys();
        let container = seal(&keys, &PLACE, &record()).unwrap();
        for length in 0..container.len() {
            assert!(
                open(&keys, &PLACE, &container[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_container_opens_nowhere_else() {
        let keys = keys();
        let container = seal(&keys, &PLACE, &record()).unwrap();
        let elsewhere = [
            Place {
                tenant: "other",
                ..PLACE
            },
            Place {
                subject: "s-2",
                ..PLACE
            },
            Place {
                record: "record/8",
                ..PLACE
            },
            Place { version: 4, ..PLACE },
        ];
        for place in elsewhere {
            assert!(open(&keys, &place, &container).is_err(), "{place:?}");
        }
        assert!(open(&self::keys(), &PLACE, &container).is_err());
    }

    #[test]
    fn fields_that_change_places_are_an_error() {
        let keys = keys();
        let record = Record::from_value(json!({"a": "one", "b": "two"})).unwrap();
        let container = seal(&keys, &PLACE, &record).unwrap();
        let (head, rest) = container.split_at(3 + 2 * ENTRY_SIZE);
        let size = (rest.len() - WHOLE_SIZE) / 2;
        let (first, second, whole) = (&rest[..size], &rest[size..2 * size], &rest[2 * size..]);
        let bodies_swapped = [head, second, first, whole].concat();
        assert!(open(&keys, &PLACE, &bodies_swapped).is_err());
        let (count, directory) = head.split_at(3);
        let (one, two) = directory.split_at(ENTRY_SIZE);
        let all_swapped = [count, two, one, second, first, whole].concat();
        assert!(open(&keys, &PLACE, &all_swapped).is_err());
    }

    #[test]
    fn a_field_of_another_version_is_an_error() {
        let keys = keys();
        let record = Record::from_value(json!({"a": "one"})).unwrap();
        let old = seal(&keys, &PLACE, &record).unwrap();
        let place = Place { version: 4, ..PLACE };
        let new = seal(&keys, &place, &record).unwrap();
        let (fields, _) = old.split_at(old.len() - WHOLE_SIZE);
        let (_, whole) = new.split_at(new.len() - WHOLE_SIZE);
        let mixed = [fields, whole].concat();
        assert!(open(&keys, &place, &mixed).is_err() && open(&keys, &PLACE, &mixed).is_err());
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(fields in prop::collection::btree_map("\\PC{1,12}", "\\PC{0,40}", 0..12)) {
            let keys = keys();
            let fields = fields.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
            let record = Record::from_fields(fields).unwrap();
            let container = seal(&keys, &PLACE, &record).unwrap();
            prop_assert_eq!(open(&keys, &PLACE, &container).unwrap(), record.clone());
            for name in record.fields().keys() {
                let one = open_fields(&keys, &PLACE, &container, [name.as_str()]).unwrap();
                prop_assert_eq!(one.fields().len(), 1);
                prop_assert_eq!(one.fields().get(name), record.fields().get(name));
            }
        }
    }
}
