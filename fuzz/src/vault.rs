//! What the vault reads from outside: files to import, receipts, backups, wrapped keys.

use std::io::{BufReader, Read};

use privet_crypto::{
    DataKey, IndexSecret, KeyLevel, KeyPlace, RootKey, SigningKey, StreamSealer, VerifyingKey, Wrappable,
    WrappingKey,
};
use privet_store::{BackupSummary, open_backup};
use privet_vault::{
    ErasureReceipt, ImportFormat, ImportReader, LineError, Record, RequestReceipt, SignedReceipt,
    verify_receipt,
};

use crate::variant;

/// What the key of this file has signed.
const ERASURE: &[u8] = include_bytes!("../corpus/receipt/erasure");
const REQUEST: &[u8] = include_bytes!("../corpus/receipt/request");
const CONSENT: &[u8] = include_bytes!("../corpus/receipt/consent");
/// A root key and an index secret, wrapped under the key of this file.
const WRAPPED_ROOT: &[u8] = include_bytes!("../corpus/keyring/root");
const WRAPPED_SECRET: &[u8] = include_bytes!("../corpus/keyring/secret");

fn root() -> RootKey {
    RootKey::parse(&format!("privet-root-1:{}", "6".repeat(64))).expect("a key")
}

fn signing_key() -> SigningKey {
    SigningKey::parse(&format!("privet-signing-1:{}", "6".repeat(64))).expect("a key")
}

/// Gives one byte at a time.
struct Drip<'d>(&'d [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let (Some((first, rest)), Some(to)) = (self.0.split_first(), out.first_mut()) else {
            return Ok(0);
        };
        *to = *first;
        self.0 = rest;
        Ok(1)
    }
}

type Lines = Vec<(u64, Result<Record, LineError>)>;

fn lines(reader: impl Read, format: ImportFormat) -> Result<Lines, String> {
    let mut reader = ImportReader::open(BufReader::with_capacity(64, reader), format)
        .map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    while let Some(line) = reader.next_record().map_err(|error| error.to_string())? {
        lines.push(line);
    }
    Ok(lines)
}

/// A file is refused, or gives the same records however it comes; its lines are numbered upwards; a record that was taken
/// is taken again as it is written, with the same fields.
pub fn fuzz_import(data: &[u8]) {
    let Some((variant, bytes)) = variant(data) else {
        return;
    };
    let format = match variant & 7 {
        0 | 1 => ImportFormat::Csv { delimiter: b',' },
        2 => ImportFormat::Csv { delimiter: b';' },
        3 => ImportFormat::Csv { delimiter: b'\t' },
        _ => ImportFormat::JsonLines,
    };
    let whole = lines(bytes, format);
    assert_eq!(whole, lines(Drip(bytes), format));
    let mut last = 0;
    for (number, record) in whole.unwrap_or_default() {
        assert!(number > last, "line {number} behind {last}");
        last = number;
        match record {
            Ok(record) => {
                let json = serde_json::to_vec(&record).expect("a record is JSON");
                let again = Record::parse(&json).expect("what was written is a record");
                // Not the values: serde_json reads a number beyond 64 bits to the last place but one only, so such a one may
                // change by a unit in its last place when it is read again.
                assert!(again.fields().keys().eq(record.fields().keys()));
            }
            Err(refused) => assert_eq!(refused.line, number),
        }
    }
}

/// Any bytes are refused, or say exactly what the receipts of the corpus say: nobody else has the key.
pub fn fuzz_receipt(data: &[u8]) {
    let key: VerifyingKey = signing_key().verifying_key();
    if let Ok(receipt) = ErasureReceipt::parse(data) {
        let signed = ErasureReceipt::parse(ERASURE).expect("of the corpus");
        let is_signed = receipt.verify(&key).is_ok();
        assert_eq!(is_signed, receipt == signed);
        assert_eq!(
            receipt.hash() == signed.hash(),
            receipt.statement == signed.statement
        );
    }
    if let Ok(receipt) = RequestReceipt::parse(data) {
        let signed = RequestReceipt::parse(REQUEST).expect("of the corpus");
        assert_eq!(receipt.verify(&key).is_ok(), receipt == signed);
    }
    let signed: SignedReceipt = serde_json::from_slice(CONSENT).expect("of the corpus");
    match verify_receipt(data, &key) {
        Ok(receipt) => assert_eq!(receipt, signed.receipt),
        Err(_) => assert_ne!(data, CONSENT),
    }
}

fn data_key() -> DataKey {
    root().data_key("privet/fuzz", b"backup")
}

fn read_backup(mut sealed: impl Read) -> Result<BackupSummary, String> {
    open_backup(&data_key(), b"fuzz", &mut sealed).map_err(|error| error.to_string())
}

/// Whatever is sealed is refused, or is a backup with as many rows as its end says, however it comes; what was not sealed
/// is refused.
pub fn fuzz_backup(data: &[u8]) {
    assert!(read_backup(data).is_err(), "nobody sealed it");
    let mut sealed = Vec::new();
    let mut sealer = StreamSealer::new(&data_key(), b"fuzz", &mut sealed).expect("a file key");
    sealer.push(data, &mut sealed).expect("short");
    sealer.finish(&mut sealed).expect("short");
    let whole = read_backup(sealed.as_slice());
    assert_eq!(whole, read_backup(Drip(&sealed)));
    if let Ok(summary) = whole {
        // A row takes three bytes at least.
        let rows: u64 = summary.rows.values().sum();
        assert!(
            rows * 3 <= data.len() as u64,
            "{rows} rows in {} bytes",
            data.len()
        );
        assert_eq!(summary.bytes, sealed.len() as u64);
        sealed.pop();
        assert!(read_backup(sealed.as_slice()).is_err(), "it was cut");
    }
}

fn unwraps<K: Wrappable>(under: &WrappingKey, place: &KeyPlace<'_>, data: &[u8]) -> bool {
    under.unwrap::<K>(place, data).is_ok()
}

/// Any bytes are no wrapped key of any place, but those of the corpus in theirs; the written form of a key has one spelling.
pub fn fuzz_keyring(data: &[u8]) {
    let under = root().wrapping_key("privet/fuzz", b"keyring");
    let place = |level, id| KeyPlace {
        tenant: b"t",
        level,
        id,
        epoch: 0,
    };
    let secret = place(KeyLevel::Index, b"root".as_slice());
    let index = place(KeyLevel::Index, b"index".as_slice());
    let tenant = place(KeyLevel::Tenant, b"\x01\0\0\0\0\0\0\0".as_slice());
    assert_eq!(unwraps::<RootKey>(&under, &secret, data), data == WRAPPED_ROOT);
    assert_eq!(
        unwraps::<IndexSecret>(&under, &index, data),
        data == WRAPPED_SECRET
    );
    assert!(!unwraps::<WrappingKey>(&under, &tenant, data));
    assert!(!unwraps::<RootKey>(&under, &index, data));
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(key) = RootKey::parse(text) {
            assert_eq!(key.to_text().as_str().trim(), text.trim());
        }
        if let Ok(key) = SigningKey::parse(text) {
            assert_eq!(key.to_text().as_str().trim(), text.trim());
        }
    }
}
