//! What is sealed beside records: data of applications, sessions, shared records, tokens, the archive, maps of replies; and
//! rows whose subject is not there.

use std::collections::{BTreeMap, BTreeSet};

use privet_crypto::KeyId;
use privet_store::{Row, Scope, SubjectKey, Value, values};

use super::walk::{Cells, Walk, walk};
use super::{FindingKind, Look};
use crate::Error;
use crate::archive::{EntryRow, reply_name, words};
use crate::own_token;
use crate::proposal::record_name as proposal_name;
use crate::subject::{Keys, Place, Record, SubjectId, app_name, sealed, share_name};
use crate::token::{Life, TokenForm};

/// The row's subject, where it has one, and the subject's key.
const JOINED: &str = "LEFT JOIN subjects s ON s.tenant = t.tenant AND s.id = t.subject";
/// Rows of erased or missing subjects are told of by their own finding.
const LIVE: &str = "AND (t.subject IS NULL OR s.state <> 'erased')";

macro_rules! joined {
    ($table:literal) => {
        concat!(
            $table,
            " t LEFT JOIN subjects s ON s.tenant = t.tenant AND s.id = t.subject"
        )
    };
}

const APPS: Walk = Walk {
    from: joined!("subject_apps"),
    key: &["subject", "app"],
    columns: "s.key_id, s.key_id, t.subject, t.sealed, t.version, t.updated_at",
    condition: LIVE,
    limit: 32,
};
const APP_VERSIONS: Walk = Walk {
    from: joined!("subject_app_versions"),
    key: &["subject", "app", "version"],
    columns: "s.key_id, s.key_id, t.subject, t.sealed, t.at",
    condition: LIVE,
    limit: 32,
};
/// Closed ones of erased subjects name nobody and hold nothing.
const PROPOSALS: Walk = Walk {
    from: joined!("proposals"),
    key: &["id"],
    columns: "s.key_id, s.key_id, t.subject, t.sealed, t.kind, t.status, t.object, t.asked_by, t.seq, t.opened_at, \
              t.closed_at",
    condition: "AND t.subject IS NOT NULL AND s.state <> 'erased'",
    limit: 32,
};
const OWN_TOKENS: Walk = Walk {
    from: joined!("own_tokens"),
    key: &["id"],
    columns: "s.key_id, s.key_id, t.subject, t.mark, t.created_at, t.ends_at, t.idle_ms, t.expires_at",
    condition: LIVE,
    limit: 200,
};
const SESSIONS: Walk = Walk {
    from: joined!("subject_sessions"),
    key: &["id"],
    columns: "t.key_id, s.key_id, t.subject, t.sealed, t.created_at, t.expires_at, t.version, t.until_at, t.sliding_ms",
    condition: LIVE,
    limit: 32,
};
const SHARES: Walk = Walk {
    from: joined!("subject_shares"),
    key: &["id"],
    columns: "s.key_id, s.key_id, t.subject, t.sealed, t.created_at, t.expires_at, t.most_reads",
    condition: LIVE,
    limit: 200,
};
const TOKENS: Walk = Walk {
    from: joined!("vault_tokens"),
    key: &["token"],
    columns: "t.key_id, s.key_id, t.subject, t.sealed, t.kind, t.preserves_format, t.created_at, t.expires_at, t.dedup, \
              t.substitute, t.mark, t.final_at, t.sliding_ms",
    condition: LIVE,
    limit: 200,
};
const ARCHIVE: Walk = Walk {
    from: joined!("archive_entries"),
    key: &["day", "id"],
    columns: "t.key_id, s.key_id, t.subject, t.sealed, t.surface, t.purpose, t.at",
    condition: LIVE,
    limit: 8,
};
const MAPS: Walk = Walk {
    from: joined!("reply_maps"),
    key: &["id"],
    columns: "t.key_id, s.key_id, t.subject, t.sealed, t.created_at, t.expires_at, t.day",
    condition: LIVE,
    limit: 32,
};
const DAY_KEYS: Walk = Walk {
    from: "day_keys t",
    key: &["purpose", "day"],
    columns: "t.key_id",
    condition: "",
    limit: 200,
};

/// Tables whose rows hang on a subject, with the columns that name a row.
const HANGING: [(&str, &str); 18] = [
    ("subject_versions", "t.version"),
    ("subject_index", "t.field"),
    ("subject_buckets", "t.field"),
    ("subject_apps", "t.app"),
    ("subject_app_versions", "t.app"),
    ("proposals", "t.id"),
    ("own_tokens", "'own'"),
    ("vault_calls", "t.id"),
    ("subject_sessions", "'session'"),
    ("subject_shares", "'share'"),
    ("vault_tokens", "t.kind"),
    ("archive_entries", "t.id"),
    ("archive_words", "t.id"),
    ("reply_maps", "'map'"),
    ("lineage", "t.kind"),
    ("subject_expiries", "t.state"),
    ("active_holds", "t.hold"),
    ("subject_requests", "t.id"),
];

/// A sealed row that is to be opened.
struct Sealed<'r> {
    cells: &'r Cells,
    /// Columns of its key: what is sealed follows them.
    width: usize,
    table: &'static str,
    /// The name of its place and its version; `None` where the row cannot be read.
    place: Option<(String, u64)>,
}

impl Sealed<'_> {
    fn subject(&self) -> Option<&str> {
        self.cells.text(self.width + 2)
    }

    fn key_id(&self) -> Option<KeyId> {
        self.cells.array(self.width).map(KeyId::from_bytes)
    }

    /// Whether it is under the key of its subject.
    fn is_under_its_own(&self) -> bool {
        self.subject().is_none() || self.cells.bytes(self.width) == self.cells.bytes(self.width + 1)
    }
}

impl Look<'_, '_> {
    pub(super) async fn sealed(&mut self) -> Result<(), Error> {
        walk!(APPS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let name = app_name(cells.text(1)?, cells.int(7)?);
                Some((name, u64::try_from(cells.int(6)?).ok()?))
            };
            self.open_all("subject_apps", 2, &rows, place).await?;
        });
        walk!(APP_VERSIONS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let name = app_name(cells.text(1)?, cells.int(7)?);
                Some((name, u64::try_from(cells.int(2)?).ok()?))
            };
            // Versions are sealed where the current one stands.
            self.open_in("subject_app_versions", "subject_apps", 3, &rows, place)
                .await?;
        });
        walk!(PROPOSALS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let object = cells.text(7).unwrap_or_default();
                let words = [
                    cells.text(0)?,
                    cells.text(5)?,
                    cells.text(6)?,
                    object,
                    cells.text(8)?,
                ];
                let name = proposal_name(words, cells.int(9)?, cells.int(10)?, cells.int(11));
                Some((name, 1))
            };
            self.open_all("proposals", 1, &rows, place).await?;
        });
        self.own_tokens().await?;
        walk!(SESSIONS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let id = cells.array(0)?;
                let sliding = cells.int(8).zip(cells.int(9));
                let name = crate::session::record_name(&id, cells.int(5)?, cells.int(6)?, sliding);
                Some((name, u64::try_from(cells.int(7)?).ok()?))
            };
            self.open_all("subject_sessions", 1, &rows, place).await?;
        });
        walk!(SHARES, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let id = cells.array(0)?;
                Some((share_name(&id, cells.int(5)?, cells.int(6)?, cells.int(7)), 1))
            };
            self.open_all("subject_shares", 1, &rows, place).await?;
        });
        self.tokens().await?;
        self.archive().await?;
        walk!(MAPS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let id = cells.array(0)?;
                Some((reply_name(&id, cells.int(5)?, cells.int(6)?), 1))
            };
            self.open_all("reply_maps", 1, &rows, place).await?;
        });
        walk!(DAY_KEYS, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("day_keys", rows.len());
            for cells in &rows {
                let id = cells.array(2).map(KeyId::from_bytes);
                let known = self.keys(&id.into_iter().collect::<Vec<_>>()).await?;
                if !matches!(known.first(), Some(Some(_))) {
                    self.found(FindingKind::KeyMissing, "day_keys", &cells.label(2));
                }
            }
        });
        Ok(())
    }

    /// Tokens with which people call for themselves: that nobody changed their rows.
    async fn own_tokens(&mut self) -> Result<(), Error> {
        walk!(OWN_TOKENS, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("own_tokens", rows.len());
            let sealed: Vec<Sealed<'_>> = rows
                .iter()
                .map(|cells| Sealed {
                    cells,
                    width: 1,
                    table: "own_tokens",
                    place: None,
                })
                .collect();
            let keys = self.keys_of(&sealed).await?;
            for (one, key) in sealed.iter().zip(keys) {
                let Some(key) = key else { continue };
                let cells = one.cells;
                if cells.bytes(4)
                    != own_mark(self.tenant.as_str(), cells, &Keys::of(&key))
                        .as_ref()
                        .map(<[u8; 32]>::as_slice)
                {
                    self.found(FindingKind::SealDamaged, "own_tokens", &cells.label(1));
                }
            }
        });
        Ok(())
    }

    /// Tokens, and the index by which equal values find theirs.
    async fn tokens(&mut self) -> Result<(), Error> {
        walk!(TOKENS, self.vault.store.database(), self.tenant, |rows| {
            let place = |cells: &Cells| {
                let keeps_form = cells.int(6)? != 0;
                let (token, kind) = (cells.text(0)?, cells.text(5)?);
                let created_at = cells.int(7)?;
                // Rows from before there were marks are bound to their end.
                let name = match cells.bytes(11) {
                    Some(_) => crate::token::record_name(token, cells.text(10), kind, keeps_form, created_at),
                    None => {
                        crate::token::first_record_name(token, kind, keeps_form, created_at, cells.int(8))
                    }
                };
                Some((name, 1))
            };
            let opened = self.open_all("vault_tokens", 1, &rows, place).await?;
            self.lives(&rows).await?;
            for (cells, record) in rows.iter().zip(opened) {
                let (Some(record), Some(dedup)) = (record, cells.bytes(9)) else {
                    continue;
                };
                let value = record.fields().get("value").and_then(|value| value.as_str());
                let form = match cells.int(6) {
                    Some(0) => TokenForm::Random,
                    _ => TokenForm::PreservingFormat,
                };
                let form = crate::token::dedup_form(form, cells.text(10).is_some());
                let expected = self
                    .vault
                    .dedup_of(
                        self.tenant,
                        form,
                        cells.text(5).unwrap_or_default(),
                        value.unwrap_or_default(),
                        cells.text(3).unwrap_or_default(),
                    )
                    .await?;
                if !expected.iter().any(|one| one == dedup) {
                    self.found(
                        FindingKind::IndexWrong,
                        "vault_tokens",
                        &label("vault_tokens", cells, 1),
                    );
                }
            }
        });
        Ok(())
    }

    /// That nobody changed when tokens end. Rows from before there were marks are bound to their end by the seal.
    async fn lives(&mut self, rows: &[Cells]) -> Result<(), Error> {
        let ids: Vec<KeyId> = rows
            .iter()
            .filter_map(|cells| cells.array(1).map(KeyId::from_bytes))
            .collect();
        if ids.len() != rows.len() {
            return Ok(());
        }
        for (cells, key) in rows.iter().zip(self.keys(&ids).await?) {
            let (Some(key), Some(mark), Some(token)) = (key, cells.bytes(11), cells.text(0)) else {
                continue;
            };
            let life = Life {
                final_at: cells.int(12),
                sliding: cells.int(13),
                expires_at: cells.int(8),
            };
            if life.mark(&Keys::of(&key), self.tenant.as_str(), token) != mark {
                let name = label("vault_tokens", cells, 1);
                self.found(FindingKind::SealDamaged, "vault_tokens", &name);
            }
        }
        Ok(())
    }

    /// Conversations, and the words by which they are found.
    async fn archive(&mut self) -> Result<(), Error> {
        walk!(ARCHIVE, self.vault.store.database(), self.tenant, |rows| {
            self.looked_at("archive_entries", rows.len());
            let sealed: Vec<Sealed<'_>> = rows
                .iter()
                .map(|cells| Sealed {
                    cells,
                    width: 2,
                    table: "archive_entries",
                    place: Some((String::new(), 1)),
                })
                .collect();
            let keys = self.keys_of(&sealed).await?;
            for (one, key) in sealed.iter().zip(keys) {
                let Some(key) = key else { continue };
                let row = entry_row(one.cells);
                let opened = row
                    .as_ref()
                    .filter(|_| one.is_under_its_own())
                    .and_then(|row| row.open(self.tenant, &Keys::of(&key)).ok());
                match (row, opened) {
                    (Some(row), Some(opened)) => {
                        self.words(&row, &opened.prompt, &opened.reply).await?;
                    }
                    _ => self.found(FindingKind::SealDamaged, "archive_entries", &one.cells.label(2)),
                }
            }
        });
        Ok(())
    }

    /// Holds the index of words against what was said. A conversation without any entry was archived while the index was
    /// off.
    async fn words(&mut self, row: &EntryRow, prompt: &str, reply: &str) -> Result<(), Error> {
        let (tenant, day, id) = (self.tenant.clone(), row.day, row.id.clone());
        let stands: Vec<Vec<u8>> = self
            .vault
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT word FROM archive_words WHERE tenant = $1 AND day = $2 AND id = $3",
                            values![tenant.as_str(), day, id],
                        )
                        .await?)
                })
            })
            .await?;
        self.looked_at("archive_words", stands.len());
        if stands.is_empty() {
            return Ok(());
        }
        let stands: BTreeSet<Vec<u8>> = stands.into_iter().collect();
        let name = words::index_name(row.day);
        let keys = self.vault.keyring.index_keys(self.tenant, &name).await?;
        let said = words::words([prompt, reply]);
        // While one secret takes the place of another, words are hashed with either, those of a conversation with one.
        let expected = keys.iter().map(|key| {
            let words = said.iter().map(|word| words::entry(key, word).to_vec());
            words.collect::<BTreeSet<Vec<u8>>>()
        });
        let expected = expected
            .max_by_key(|expected| expected.intersection(&stands).count())
            .unwrap_or_default();
        let label = format!("{}-{}", row.day, row.id);
        if expected.difference(&stands).next().is_some() {
            self.found(FindingKind::IndexMissing, "archive_words", &label);
        }
        if stands.difference(&expected).next().is_some() {
            self.found(FindingKind::IndexWrong, "archive_words", &label);
        }
        Ok(())
    }

    /// Opens the rows of a page. Returns what each holds.
    async fn open_all(
        &mut self,
        table: &'static str,
        width: usize,
        rows: &[Cells],
        place: impl Fn(&Cells) -> Option<(String, u64)>,
    ) -> Result<Vec<Option<Record>>, Error> {
        self.open_in(table, table, width, rows, place).await
    }

    /// As [`open_all`](Self::open_all), of rows that were sealed for `home`.
    async fn open_in(
        &mut self,
        table: &'static str,
        home: &'static str,
        width: usize,
        rows: &[Cells],
        place: impl Fn(&Cells) -> Option<(String, u64)>,
    ) -> Result<Vec<Option<Record>>, Error> {
        self.looked_at(table, rows.len());
        let sealed: Vec<Sealed<'_>> = rows
            .iter()
            .map(|cells| Sealed {
                cells,
                width,
                table,
                place: place(cells),
            })
            .collect();
        let keys = self.keys_of(&sealed).await?;
        let mut opened = Vec::with_capacity(rows.len());
        for (one, key) in sealed.iter().zip(keys) {
            let Some(key) = key else {
                opened.push(None);
                continue;
            };
            let record = self.open_one(one, home, &key);
            if record.is_none() {
                self.found(FindingKind::SealDamaged, table, &label(table, one.cells, width));
            }
            opened.push(record);
        }
        Ok(opened)
    }

    fn open_one(&self, one: &Sealed<'_>, home: &'static str, key: &SubjectKey) -> Option<Record> {
        let (name, version) = one.place.as_ref()?;
        if !one.is_under_its_own() {
            return None;
        }
        let place = Place {
            tenant: self.tenant.as_str(),
            subject: one.subject().unwrap_or_default(),
            record: name,
            version: *version,
            table: home,
        };
        sealed::open(&Keys::of(key), &place, one.cells.bytes(one.width + 3)?).ok()
    }

    /// The key of each row; a row whose key is not there is told of.
    async fn keys_of(&mut self, rows: &[Sealed<'_>]) -> Result<Vec<Option<SubjectKey>>, Error> {
        let mut ids = BTreeMap::new();
        for id in rows.iter().filter_map(Sealed::key_id) {
            ids.insert(id, None);
        }
        let asked: Vec<KeyId> = ids.keys().copied().collect();
        for (id, key) in asked.iter().zip(self.keys(&asked).await?) {
            ids.insert(*id, key);
        }
        let mut keys = Vec::with_capacity(rows.len());
        for one in rows {
            let key = one.key_id().and_then(|id| ids.get(&id).cloned().flatten());
            if key.is_none() {
                self.found(
                    FindingKind::KeyMissing,
                    one.table,
                    &label(one.table, one.cells, one.width),
                );
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// Rows whose subject is not there, or was erased.
    pub(super) async fn strays(&mut self) -> Result<(), Error> {
        for (table, name) in HANGING {
            // What an erasure that is under way has not come to yet is no finding.
            let from = format!(
                "FROM {table} t {JOINED} WHERE t.tenant = $1 AND t.subject IS NOT NULL AND (s.id IS NULL OR \
                 (s.state = 'erased' AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = t.tenant \
                 AND e.subject = t.subject AND e.state = 'begun')))"
            );
            // A request outlives its subject: it is the record of what was asked and done.
            let from = match table {
                "subject_requests" => format!("{from} AND s.id IS NULL"),
                _ => from,
            };
            let (tenant, counted) = (self.tenant.clone(), from.clone());
            let (strays, rows): (Vec<(Option<String>, i64)>, Vec<Cells>) = self
                .vault
                .store
                .database()
                .read::<_, Error, _>(&Scope::Tenant(self.tenant.clone()), move |tx| {
                    Box::pin(async move {
                        let strays = tx
                            .rows(
                                format!("SELECT s.state, COUNT(*) {counted} GROUP BY s.state"),
                                values![tenant.as_str()],
                            )
                            .await?;
                        let sql =
                            format!("SELECT s.state, t.subject, {name} {from} ORDER BY t.subject LIMIT 100");
                        let rows: Vec<Row> = tx.rows(sql, values![tenant.as_str()]).await?;
                        Ok((strays, rows.into_iter().map(Cells::from).collect()))
                    })
                })
                .await?;
            for (state, count) in strays {
                let kind = match state {
                    Some(_) => FindingKind::RowOfErased,
                    None => FindingKind::RowWithoutSubject,
                };
                let labels: Vec<String> = rows
                    .iter()
                    .filter(|cells| cells.text(0).is_some() == state.is_some())
                    .map(|cells| cells.label_from(1))
                    .collect();
                self.findings
                    .found_many(kind, Some(self.tenant), table, count.unsigned_abs(), labels);
            }
        }
        Ok(())
    }

    /// Requests of subjects, their receipts and what is sealed of them.
    pub(super) async fn requests(&mut self) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page = crate::request::check_page(self.vault, self.tenant, &after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            self.looked_at("subject_requests", page.len());
            for request in page {
                let Some(good) = request.good else {
                    self.found(FindingKind::RequestChanged, "subject_requests", &request.id);
                    continue;
                };
                if good.receipt.is_some_and(|(_, holds)| !holds) {
                    self.found(FindingKind::RequestChanged, "subject_requests", &request.id);
                }
                if let (Some(subject), Some((name, container))) = (&good.subject, &good.sealed) {
                    self.request_details(&request.id, subject, name, container)
                        .await?;
                }
            }
        }
    }

    async fn request_details(
        &mut self,
        id: &str,
        subject: &SubjectId,
        name: &str,
        container: &[u8],
    ) -> Result<(), Error> {
        let list = [Value::from(subject.as_str())];
        let rows = self.in_list("key_id, state", "subjects", "id", &list).await?;
        let Some(cells) = rows.first().filter(|cells| cells.text(1) != Some("erased")) else {
            // With an erased subject goes the key; what is sealed is nobody's any more.
            return Ok(());
        };
        let key_id = cells.array(0).map(KeyId::from_bytes);
        let keys = self.keys(&key_id.into_iter().collect::<Vec<_>>()).await?;
        let Some(Some(key)) = keys.first() else {
            return Ok(());
        };
        let place = Place {
            tenant: self.tenant.as_str(),
            subject: subject.as_str(),
            record: name,
            version: 1,
            table: "subject_requests",
        };
        if sealed::open(&Keys::of(key), &place, container).is_err() {
            self.found(FindingKind::SealDamaged, "subject_requests", id);
        }
        Ok(())
    }
}

/// What a row is called. A token that keeps the form of its value is shown to nobody.
fn label(table: &str, cells: &Cells, width: usize) -> String {
    match (table, cells.text(0)) {
        ("vault_tokens", Some(token)) if cells.int(6) != Some(0) => {
            let hash = privet_crypto::sha256(token.as_bytes());
            format!("sha256:{}", crate::consent::hex(hash.get(..8).unwrap_or(&hash)))
        }
        _ => cells.label(width),
    }
}

/// The mark that the row of an own token must have.
fn own_mark(tenant: &str, cells: &Cells, keys: &Keys) -> Option<[u8; 32]> {
    let times = [
        cells.int(5)?,
        cells.int(6)?,
        cells.int(7).unwrap_or(-1),
        cells.int(8)?,
    ];
    Some(own_token::mark(
        keys,
        tenant,
        cells.text(3)?,
        &cells.array(0)?,
        times,
    ))
}

fn entry_row(cells: &Cells) -> Option<EntryRow> {
    Some(EntryRow {
        day: cells.int(0)?,
        id: cells.text(1)?.to_owned(),
        subject: cells.text(4).map(|id| SubjectId::stored(id.to_owned())),
        key_id: KeyId::from_bytes(cells.array(2)?),
        surface: cells.text(6)?.to_owned(),
        purpose: cells.text(7).map(str::to_owned),
        at: cells.int(8)?,
        sealed: cells.bytes(5)?.to_vec(),
    })
}
