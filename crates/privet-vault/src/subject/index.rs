//! Blind indexes of a tenant.

use std::collections::BTreeSet;

use privet_crypto::IndexKey;
use privet_store::{IndexVersions, Keyring, Value as Column, values};
use privet_types::{Secret, TenantId};
use serde_json::Value;

use super::record::Record;
use crate::Error;
use crate::config::{IndexConfig, VaultConfig};

/// Something that a person is known by, normalised. `Debug` shows no value.
#[derive(Debug, Clone)]
pub struct Identifier {
    /// The field.
    pub field: String,
    /// The normalised value.
    pub value: Secret<String>,
}

/// The indexes of a tenant with their keys.
#[derive(Debug)]
pub(crate) struct TenantIndexes {
    indexes: Vec<(IndexConfig, Keys)>,
    versions: IndexVersions,
    calling_code: Option<String>,
}

/// The keys of one index: one for each version that is written, in rising order.
type Keys = Vec<(u32, IndexKey)>;

/// What stands in an index for one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) field: String,
    /// Number of the tenant's secret that it was made with.
    pub(crate) version: u32,
    pub(crate) hash: [u8; 32],
    pub(crate) is_unique: bool,
}

/// What stands in a bucket for one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    pub(crate) field: String,
    /// Number of the tenant's secret that it was made with.
    pub(crate) version: u32,
    pub(crate) bucket: u32,
}

/// All that stands in indexes for one record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    pub(crate) exact: BTreeSet<Entry>,
    pub(crate) buckets: BTreeSet<Bucket>,
    pub(crate) identifiers: Vec<Identifier>,
}

impl TenantIndexes {
    pub(crate) async fn of(
        tenant: &TenantId,
        keyring: &Keyring,
        config: &VaultConfig,
    ) -> Result<Self, Error> {
        let versions = keyring.index_versions(tenant).await?;
        let mut indexes = Vec::with_capacity(config.indexes.len());
        for index in &config.indexes {
            let mut keys = Keys::with_capacity(versions.written.len());
            for version in &versions.written {
                let key = keyring.index_key_version(tenant, &index.field, *version).await?;
                keys.push((*version, key));
            }
            indexes.push((index.clone(), keys));
        }
        Ok(Self {
            indexes,
            versions,
            calling_code: config.calling_code.clone(),
        })
    }

    /// Which of the tenant's secrets they are made with.
    pub(crate) const fn versions(&self) -> &IndexVersions {
        &self.versions
    }

    /// What stands in the indexes for `record`.
    ///
    /// # Errors
    /// [`Error::BadField`] if a field with an index holds neither text nor a number, or no value of its form.
    pub(crate) fn entries(&self, record: &Record) -> Result<Entries, Error> {
        let mut entries = Entries::default();
        for (index, keys) in &self.indexes {
            let text = match record.fields().get(&index.field) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) if text.trim().is_empty() => continue,
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                Some(_) => {
                    return Err(Error::BadField {
                        field: index.field.clone(),
                        why: "a field with an index holds text or a number",
                    });
                }
            };
            let normal = self.normal(index, &text)?;
            for (version, key) in keys {
                entries.exact.insert(Entry {
                    field: index.field.clone(),
                    version: *version,
                    hash: key.exact(normal.as_bytes()),
                    is_unique: index.unique,
                });
                if let Some(prefix) = index.prefix
                    && let Some(head) = head(&normal, prefix.chars)
                {
                    entries.buckets.insert(Bucket {
                        field: index.field.clone(),
                        version: *version,
                        bucket: key.bucket(head.as_bytes(), prefix.bits)?,
                    });
                }
            }
            // A city or a team is many people's: it names nobody.
            if index.unique {
                entries.identifiers.push(Identifier {
                    field: index.field.clone(),
                    value: Secret::new(normal),
                });
            }
        }
        Ok(entries)
    }

    /// What the person of `record` is known by, with the entry of each. Unlike in [`entries`](Self::entries), a value that
    /// has no longer the form of its index is passed over: it may have been written under other settings.
    pub(crate) fn known_by(&self, record: &Record) -> Vec<(Identifier, Entry)> {
        let unique = self.indexes.iter().filter(|(index, _)| index.unique);
        unique
            .filter_map(|(index, _)| {
                let normal = self.normal_of(&index.field, record)?;
                let (_, key) = self.searched(&index.field).ok()?;
                let entry = Entry {
                    field: index.field.clone(),
                    version: self.versions.searched,
                    hash: key.exact(normal.as_bytes()),
                    is_unique: true,
                };
                let identifier = Identifier {
                    field: index.field.clone(),
                    value: Secret::new(normal),
                };
                Some((identifier, entry))
            })
            .collect()
    }

    /// The entry of `value` in the index of `field`.
    ///
    /// # Errors
    /// [`Error::BadField`] if `field` has no index, or `value` not its form.
    pub(crate) fn entry(&self, field: &str, value: &str) -> Result<Entry, Error> {
        let (index, key) = self.searched(field)?;
        Ok(Entry {
            field: index.field.clone(),
            version: self.versions.searched,
            hash: key.exact(self.normal(index, value)?.as_bytes()),
            is_unique: index.unique,
        })
    }

    /// `value` as the index of `field` has it.
    ///
    /// # Errors
    /// [`Error::BadField`] if `field` has no index, or the value not its form.
    pub(crate) fn normalised(&self, field: &str, value: &str) -> Result<String, Error> {
        let (index, _) = self.searched(field)?;
        self.normal(index, value)
    }

    /// The bucket of the prefix `value`, and the prefix normalised.
    ///
    /// # Errors
    /// [`Error::BadField`] if `field` has no prefix index, or the prefix is too short for it.
    pub(crate) fn prefix(&self, field: &str, value: &str) -> Result<(Bucket, String), Error> {
        let (index, key) = self.searched(field)?;
        let bad = |why| Error::BadField {
            field: field.to_owned(),
            why,
        };
        let prefix = index
            .prefix
            .ok_or_else(|| bad("no search by prefix for this field"))?;
        // A part of an address or number has not the form of a whole one.
        let normal = index
            .form
            .apply_prefix(value, self.calling_code.as_deref())
            .map_err(bad)?;
        let head = head(&normal, prefix.chars).ok_or_else(|| bad("the prefix is too short"))?;
        let bucket = Bucket {
            field: index.field.clone(),
            version: self.versions.searched,
            bucket: key.bucket(head.as_bytes(), prefix.bits)?,
        };
        Ok((bucket, normal))
    }

    /// The normalised value of `field` in `record`, if it has one.
    pub(crate) fn normal_of(&self, field: &str, record: &Record) -> Option<String> {
        let (index, _) = self.index(field).ok()?;
        let text = match record.fields().get(field)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        self.normal(index, &text).ok()
    }

    /// The index of `field` with the key that values are looked up with.
    fn searched(&self, field: &str) -> Result<(&IndexConfig, &IndexKey), Error> {
        let (index, keys) = self.index(field)?;
        let key = keys
            .iter()
            .find(|(version, _)| *version == self.versions.searched);
        let (_, key) = key.ok_or(Error::Stopped)?;
        Ok((index, key))
    }

    /// Whether `field` has an index, or one by prefix.
    pub(crate) fn has(&self, field: &str, by_prefix: bool) -> bool {
        let mut all = self.indexes.iter();
        all.any(|(index, _)| index.field == field && (!by_prefix || index.prefix.is_some()))
    }

    fn index(&self, field: &str) -> Result<&(IndexConfig, Keys), Error> {
        let found = self.indexes.iter().find(|(index, _)| index.field == field);
        found.ok_or_else(|| Error::BadField {
            field: field.to_owned(),
            why: "this field has no index",
        })
    }

    fn normal(&self, index: &IndexConfig, value: &str) -> Result<String, Error> {
        index
            .form
            .apply(value, self.calling_code.as_deref())
            .map_err(|why| Error::BadField {
                field: index.field.clone(),
                why,
            })
    }
}

impl Entry {
    /// Its row in `subject_index`.
    pub(crate) fn row(&self, tenant: &str, subject: &str) -> Vec<Column> {
        let slot = if self.is_unique { "" } else { subject };
        values![tenant, &self.field, self.version, self.hash, slot, subject]
    }
}

impl Bucket {
    /// Its row in `subject_buckets`.
    pub(crate) fn row(&self, tenant: &str, subject: &str) -> Vec<Column> {
        values![tenant, &self.field, self.version, self.bucket, subject]
    }
}

/// The first `chars` characters of `text`, if it has as many.
fn head(text: &str, chars: u8) -> Option<&str> {
    let mut ends = text.char_indices().map(|(at, _)| at).skip(1).chain([text.len()]);
    text.get(..ends.nth(usize::from(chars).checked_sub(1)?)?)
}
