//! What keys are written as, and what is sealed under them.

use privet_crypto::{
    Context, DataKey, Error, KeyLevel, KeyPlace, PassphraseLock, RootKey, SealedHeader, Share, StreamHeader,
    StreamOpener, WrappingKey, wrapping_key_id,
};

use crate::{pieces, variant};

/// The record, wrapped key and stream of the corpus: the only ones that anybody has sealed under the keys of this file.
const RECORD: &[u8] = include_bytes!("../corpus/sealed/record");
const WRAPPED: &[u8] = include_bytes!("../corpus/sealed/wrapped");
const STREAM: &[u8] = include_bytes!("../corpus/sealed_stream/short");
const SHARES: &str = include_str!("../corpus/share/three");

fn root() -> RootKey {
    RootKey::parse(&format!("privet-root-1:{}", "6".repeat(64))).expect("a key")
}

fn data_key() -> DataKey {
    root().data_key("privet/fuzz", b"data")
}

/// A line is no share, or one that is written as the same line again; lines never give a key but that of the corpus, from
/// two of whose lines on.
pub fn fuzz_share(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut shares = Vec::new();
    let mut true_lines = 0;
    for line in text.lines() {
        if let Ok(share) = Share::parse(line) {
            assert_eq!(share.to_text().as_str(), line.trim(), "a share has one spelling");
            assert!(share.threshold() >= 2 && share.index() >= 1);
            true_lines += usize::from(SHARES.lines().any(|known| known == line.trim()));
            shares.push(share);
        }
    }
    if let Ok(key) = RootKey::combine(&shares) {
        assert!(true_lines >= 2);
        assert_eq!(key.to_text().as_str(), root().to_text().as_str());
    }
}

/// Any bytes are refused, or are the sealed record or wrapped key of the corpus.
pub fn fuzz_sealed(data: &[u8]) {
    let place = Context {
        tenant: b"t",
        subject: b"s",
        record: b"r",
        field: b"f",
        schema: 3,
        version: 7,
    };
    let key = data_key().record_key();
    let opened = key.open(&place, data);
    assert_eq!(opened.is_ok(), data == RECORD);
    match SealedHeader::parse(data) {
        Ok(header) => assert!(header.key_id() == key.id() || opened == Err(Error::WrongKey)),
        Err(error) => assert_eq!(opened, Err(error)),
    }
    let wrapping: WrappingKey = root().wrapping_key("privet/fuzz", b"wrap");
    let place = KeyPlace {
        tenant: b"t",
        level: KeyLevel::Subject,
        id: b"s",
        epoch: 9,
    };
    let unwrapped = wrapping.unwrap::<DataKey>(&place, data);
    assert_eq!(unwrapped.is_ok(), data == WRAPPED);
    if let (Ok(id), Err(error)) = (wrapping_key_id(data), unwrapped) {
        assert_eq!(id != wrapping.id(), error == Error::WrongKey);
    }
}

/// Any bytes are refused, or are the stream of the corpus; it makes no difference in what pieces they come.
pub fn fuzz_sealed_stream(data: &[u8]) {
    let Some((seed, sealed)) = variant(data) else {
        return;
    };
    let key = data_key();
    let whole = open_stream(&key, std::iter::once(sealed));
    let cut = open_stream(&key, pieces(sealed, seed));
    assert_eq!(whole, cut);
    // The first byte chooses the pieces only.
    assert_eq!(whole.is_ok(), Some(sealed) == STREAM.get(1..));
    if let Ok(header) = StreamHeader::parse(sealed) {
        assert!(header.key_id() == key.id() || whole == Err(Error::WrongKey));
    }
}

fn open_stream<'d>(key: &DataKey, mut pieces: impl Iterator<Item = &'d [u8]>) -> Result<Vec<u8>, Error> {
    let mut opener = StreamOpener::new(key, b"fuzz");
    let mut plain = Vec::new();
    pieces.try_for_each(|piece| opener.push(piece, &mut plain))?;
    opener.finish(&mut plain)?;
    Ok(plain)
}

/// A text is no lock, or one that is written as the same text again.
pub fn fuzz_passphrase(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(lock) = PassphraseLock::parse(text)
    {
        assert_eq!(lock.to_text(), text.trim(), "a lock has one spelling");
    }
}
