//! Encryption strength: what is really on disk, link by link.
//!
//! Bits are security strengths of NIST SP 800-57 part 1, table 2: AES-256 and HMAC-SHA-256 have 256. What is plain, wrapped in
//! no format known here, or sealed under a key that sealed more often than random nonces allow, has 0.

use std::collections::BTreeMap;

use privet_crypto::{KeyId, SealedHeader};
use privet_store::{LinkSecurity, Scope, stored_tables};
use privet_types::{ClassShare, Measurement, Part, TenantId};

use super::Surroundings;
use super::columns::{ColumnUse, column_use};
use crate::check::walk::{Cells, Walk, walk};
use crate::subject::sealed::headers;
use crate::{Error, Vault};

/// Security strength of AES-256.
const AES_256: u64 = 256;
/// The link of the values themselves.
const AEAD: &str = "aead";
/// What the share counts as strong.
const STRONG: u64 = 128;
/// TLS is no stronger than its key exchange, which a server does not show: X25519 and P-256 have 128.
const KEY_EXCHANGE: u64 = 128;
/// Keys read at a time.
const PAGE: u32 = 500;

/// What protects the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootProtection {
    /// It is 256 random bits in a file or variable of its own; who reads that has it.
    Plain,
    /// It is behind a passphrase (Argon2id), whose strength nobody can see.
    Passphrase,
}

/// What a table has sealed: containers of fields, or single values.
#[derive(Debug, Clone, Copy)]
enum Form {
    Container,
    Single,
}

/// Sealed columns, with the key a row names where it names one.
const SEALED: [(&str, Form, Walk); 10] = [
    sealed(
        "subject_versions",
        Form::Container,
        "subject_versions t",
        &["subject", "version"],
        "t.sealed",
    ),
    sealed(
        "subject_apps",
        Form::Container,
        "subject_apps t",
        &["subject", "app"],
        "t.sealed",
    ),
    sealed(
        "subject_sessions",
        Form::Container,
        "subject_sessions t",
        &["id"],
        "t.sealed, t.key_id",
    ),
    sealed(
        "subject_shares",
        Form::Container,
        "subject_shares t",
        &["id"],
        "t.sealed",
    ),
    sealed(
        "vault_tokens",
        Form::Container,
        "vault_tokens t",
        &["token"],
        "t.sealed, t.key_id",
    ),
    sealed(
        "archive_entries",
        Form::Container,
        "archive_entries t",
        &["day", "id"],
        "t.sealed, t.key_id",
    ),
    sealed(
        "reply_maps",
        Form::Container,
        "reply_maps t",
        &["id"],
        "t.sealed, t.key_id",
    ),
    sealed(
        "subject_requests",
        Form::Container,
        "subject_requests t",
        &["id"],
        "t.sealed",
    ),
    sealed(
        "consent_events",
        Form::Single,
        "consent_events t",
        &["statement", "purpose"],
        "t.evidence",
    ),
    sealed(
        "hold_events",
        Form::Single,
        "hold_events t",
        &["hold", "version"],
        "t.why, t.subject",
    ),
];

const fn sealed(
    table: &'static str,
    form: Form,
    from: &'static str,
    key: &'static [&'static str],
    columns: &'static str,
) -> (&'static str, Form, Walk) {
    let walk = Walk {
        from,
        key,
        columns,
        condition: "",
        limit: 16,
    };
    (table, form, walk)
}

/// What was found on disk.
#[derive(Default)]
struct Found {
    keys: u64,
    strong_keys: u64,
    worn: u64,
    overused: u64,
    behind: u64,
    /// Keys that came beside a first one, and which.
    later: BTreeMap<KeyId, KeyId>,
    /// Values by table: strong, all.
    values: BTreeMap<&'static str, (u64, u64)>,
    /// Reasons of holds on everybody, which are nobody's and not sealed.
    operators_words: u64,
}

pub(super) async fn measure(
    vault: &Vault,
    tenant: &TenantId,
    around: &Surroundings,
    [mut bits, mut share]: [Measurement; 2],
) -> Result<Vec<Measurement>, Error> {
    "bits".clone_into(&mut bits.unit);
    let mut parts = vec![root(around.root)];
    let found = match vault.keyring.inspect_tenant(tenant).await {
        Ok(own) => on_disk(vault, tenant, own.is_some(), &mut parts).await?,
        Err(privet_store::Error::BadRow { .. }) => {
            for one in [&mut bits, &mut share] {
                one.reason = Some("the tenant's own keys do not open; see `privet vault check`".to_owned());
            }
            return Ok(vec![bits, share]);
        }
        Err(error) => return Err(error.into()),
    };
    let mut excluded = beside(vault, around, &mut parts).await?;
    if found.operators_words > 0 {
        excluded.push(format!(
            "{} reasons of holds on everybody's data: an operator's words, which must name nobody, are not sealed",
            found.operators_words
        ));
    }
    let parts: Vec<Part> = parts.into_iter().filter(|part| part.value.is_some()).collect();
    let (good, all) = found.counted();
    let nothing = (all == 0).then(|| "nothing is sealed for this tenant".to_owned());
    // A chain that is weak anywhere is weak for every value; of values alone it is known which are.
    let links = || parts.iter().filter(|part| part.unit == "bits");
    #[expect(clippy::cast_precision_loss, reason = "a number of bits")]
    let is_strong = links()
        .filter(|part| part.name != AEAD)
        .filter_map(|part| part.value)
        .all(|bits| bits >= STRONG as f64);
    let strong = if is_strong { good } else { 0 };
    let weakest = links().filter_map(|part| part.value).reduce(f64::min);
    bits.value = weakest.filter(|_| nothing.is_none());
    share.numerator = Some(strong);
    share.denominator = Some(all);
    share.value = Part::share("", strong, all, "").value;
    let classes = found.values.iter().filter(|(_, (_, all))| *all > 0);
    share.classes = classes
        .map(|(table, (good, all))| ClassShare {
            class: (*table).to_owned(),
            numerator: if is_strong { *good } else { 0 },
            denominator: *all,
        })
        .collect();
    for one in [&mut bits, &mut share] {
        "every wrapped key and the header of every sealed value read; connections asked"
            .clone_into(&mut one.method);
        one.sample_size = all;
        one.population = all;
        one.excluded.clone_from(&excluded);
        one.reason.clone_from(&nothing);
    }
    bits.parts = parts;
    Ok(vec![bits, share])
}

/// Looks at keys and sealed values.
async fn on_disk(
    vault: &Vault,
    tenant: &TenantId,
    has_keys: bool,
    parts: &mut Vec<Part>,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let strength = |is_whole: bool| if is_whole { AES_256 } else { 0 };
    if has_keys {
        keys(vault, tenant, &mut found).await?;
        let note = "tenant's key and epoch keys: AES-256-KWP, unwrapped";
        parts.push(link("key_encryption_keys", AES_256, 1, 1, note));
        let note = format!(
            "AES-256-KWP; {} wait to be wrapped under the present epoch, {} may seal no more, {} sealed too often",
            found.behind, found.worn, found.overused
        );
        let bits = strength(found.strong_keys == found.keys);
        parts.push(link("data_keys", bits, found.strong_keys, found.keys, &note));
    }
    values(vault, tenant, &mut found).await?;
    let (good, all) = found.counted();
    let note =
        "AES-256-GCM under HKDF-SHA256 keys, with key commitment; read from the header of every sealed value";
    parts.push(link(AEAD, strength(good == all), good, all, note));
    Ok(found)
}

/// Looks at what is beside what is stored: connections, backups, columns. Returns what does not count, and why.
async fn beside(vault: &Vault, around: &Surroundings, parts: &mut Vec<Part>) -> Result<Vec<String>, Error> {
    let mut excluded = Vec::new();
    for (name, database) in [
        ("way_to_store", vault.store.database()),
        ("way_to_keyring", vault.keyring.database()),
    ] {
        match way(name, &database.link_security().await?) {
            Ok(part) => parts.push(part),
            Err(why) => excluded.push(why),
        }
    }
    match around.backups {
        Some((whole, not)) if whole + not > 0 => {
            let bits = if not == 0 { AES_256 } else { 0 };
            let note = "AES-256-GCM; backups read to their end under the root key";
            parts.push(link("backups", bits, whole, whole + not, note));
        }
        _ => excluded.push("backups: none were shown; name them with `--backup`".to_owned()),
    }
    excluded.push(
        "the way from callers: Privet speaks plain HTTP to a proxy, which it cannot look at".to_owned(),
    );
    if around.root == RootProtection::Passphrase {
        excluded.push("the seal of the root key: the strength of a passphrase cannot be seen".to_owned());
    }
    excluded.extend(columns(vault, parts).await?);
    Ok(excluded)
}

impl Found {
    /// Sealed values, and all that should be.
    fn counted(&self) -> (u64, u64) {
        let all = self.values.values();
        all.fold((0, 0), |(good, all), (g, a)| (good + g, all + a))
    }
}

fn root(protection: RootProtection) -> Part {
    match protection {
        RootProtection::Plain => link(
            "seal",
            AES_256,
            1,
            1,
            "root key of 256 random bits, in the hands of who reads it",
        ),
        RootProtection::Passphrase => Part {
            value: None,
            ..link("seal", 0, 0, 1, "")
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of bits")]
fn link(name: &str, bits: u64, numerator: u64, denominator: u64, note: &str) -> Part {
    Part {
        name: name.to_owned(),
        value: (denominator > 0).then_some(bits as f64),
        unit: "bits".to_owned(),
        numerator,
        denominator,
        interval: None,
        note: note.to_owned(),
    }
}

/// The way to a database; `Err` says why it does not count.
fn way(name: &str, security: &LinkSecurity) -> Result<Part, String> {
    match security {
        LinkSecurity::InProcess => Err(format!(
            "{name}: a file, opened by this process; there is no way to protect"
        )),
        LinkSecurity::Unknown => Err(format!("{name}: the server does not say whether it is protected")),
        LinkSecurity::OneMachine => Err(format!("{name}: it does not leave this machine")),
        LinkSecurity::Plain => Ok(link(name, 0, 0, 1, "over a network without TLS")),
        LinkSecurity::Tls { cipher, bits } => {
            let strength = u64::from(*bits).min(KEY_EXCHANGE);
            let note = format!("TLS, {cipher}; no stronger than its key exchange");
            Ok(link(name, strength, u64::from(strength >= STRONG), 1, &note))
        }
    }
}

async fn keys(vault: &Vault, tenant: &TenantId, found: &mut Found) -> Result<(), Error> {
    let mut after = None;
    loop {
        let page = vault.keyring.inspect_keys(tenant, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for key in page {
            found.keys += 1;
            if let Some(first) = key.family {
                found.later.insert(key.id, first);
            }
            found.strong_keys += u64::from(key.is_whole && !key.is_overused);
            found.worn += u64::from(key.is_worn);
            found.overused += u64::from(key.is_overused);
            found.behind += u64::from(key.epochs_behind > 0);
        }
    }
}

async fn values(vault: &Vault, tenant: &TenantId, found: &mut Found) -> Result<(), Error> {
    for (table, form, sealed) in SEALED {
        let width = sealed.key.len();
        walk!(sealed, vault.store.database(), tenant, |rows| {
            for cells in &rows {
                let (good, all) = match (form, cells.is_null(width)) {
                    (_, true) => (0, 0),
                    (Form::Single, _) if table == "hold_events" && cells.is_null(width + 1) => {
                        found.operators_words += 1;
                        (0, 0)
                    }
                    (Form::Single, _) => {
                        let sealed = cells.bytes(width).unwrap_or_default();
                        (u64::from(SealedHeader::parse(sealed).is_ok()), 1)
                    }
                    (Form::Container, _) => container(cells, width, &found.later),
                };
                let counted = found.values.entry(table).or_default();
                counted.0 += good;
                counted.1 += all;
            }
        });
    }
    Ok(())
}

/// Sealed values of a container, and all of them. The row's own key, or one that came beside it, is the one that they must
/// name.
fn container(cells: &Cells, width: usize, later: &BTreeMap<KeyId, KeyId>) -> (u64, u64) {
    let headers = headers(cells.bytes(width).unwrap_or_default());
    let own = cells.array(width + 1).map(KeyId::from_bytes);
    let good = headers
        .iter()
        .filter(|key| {
            key.is_some_and(|key| own.is_none_or(|own| own == key || later.get(&key) == Some(&own)))
        })
        .count();
    (good as u64, headers.len() as u64)
}

/// Columns of which somebody has said what they hold, as a part; what there is to say of the others.
async fn columns(vault: &Vault, parts: &mut Vec<Part>) -> Result<Vec<String>, Error> {
    let tables = vault
        .store
        .database()
        .read::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move { Ok(stored_tables(tx).await?) })
        })
        .await?;
    let (mut all, mut known, mut unknown, mut words) = (0, 0, Vec::new(), Vec::new());
    for table in &tables {
        for column in &table.columns {
            all += 1;
            let name = format!("{}.{column}", table.name);
            match column_use(&table.name, column) {
                Some(ColumnUse::Words) => {
                    known += 1;
                    words.push(name);
                }
                Some(_) => known += 1,
                None => unknown.push(name),
            }
        }
    }
    let note =
        "columns of the store of which it is known what they hold: sealed, keyed hashes, or clear on purpose";
    parts.push(Part::share("known_columns", known, all, note));
    let mut said = Vec::new();
    if !unknown.is_empty() {
        said.push(format!(
            "columns of which nobody has said what they hold: {}",
            unknown.join(", ")
        ));
    }
    if !words.is_empty() {
        said.push(format!(
            "an operator's words, which must name nobody: {}",
            words.join(", ")
        ));
    }
    Ok(said)
}
