//! Writes the part of the corpus that only the keys of the laws can make: receipts, proofs, updates, wrapped keys, a backup's rows.
//! Receipts come out the same each time; wrapped keys do not, so run it only when their form changes.
//!
//! `cargo run --example vault_corpus`

use std::error::Error;
use std::fs;
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use privet_crypto::{IndexSecret, KeyLevel, KeyPlace, RootKey, SigningKey};
use privet_store::{BackupHeader, BackupTable};
use privet_vault::{ConsentReceipt, ErasureReceipt, RECEIPT_SCHEMA, RequestReceipt};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let key = SigningKey::parse(&format!("privet-signing-1:{}", "6".repeat(64)))?;
    let public = HEXLOWER.encode(key.verifying_key().as_bytes());
    let sign = |statement: &str| BASE64.encode(&key.sign(statement.as_bytes()));

    let statement = json!({
        "format": "privet-erasure-receipt-1", "erasure": "e1", "tenant": "t",
        "subject": "00".repeat(16), "principal": "11".repeat(16), "reason": "request",
        "begun_at": "2026-01-01T00:00:00Z", "done_at": "2026-01-01T00:00:01Z", "final_at": "2026-02-01T00:00:00Z",
        "nodes": [{"kind": "records", "place": "store", "count": 3, "outcome": "shredded"}],
    })
    .to_string();
    let receipt = ErasureReceipt {
        signature: sign(&statement),
        key: public.clone(),
        statement,
    };
    receipt.verify(&key.verifying_key())?;
    fs::write(corpus.join("receipt/erasure"), serde_json::to_vec(&receipt)?)?;

    let statement = json!({
        "format": "privet-request-receipt-1", "request": "r1", "tenant": "t", "kind": "access", "status": "pending",
        "subject": null, "received_at": "2026-01-01T00:00:00Z", "due_at": "2026-02-01T00:00:00Z", "identity": null,
        "approval": null, "extension": null, "closed_at": null, "outcome": null,
    })
    .to_string();
    let receipt = RequestReceipt {
        signature: sign(&statement),
        key: public,
        statement,
    };
    receipt.verify(&key.verifying_key())?;
    fs::write(corpus.join("receipt/request"), serde_json::to_vec(&receipt)?)?;

    let receipt: ConsentReceipt = serde_json::from_value(json!({
        "schema_version": RECEIPT_SCHEMA, "receipt_id": "00", "record_id": "s1", "issued_at": "2026-01-01T00:00:00Z",
        "tenant": "t", "principal_id": "22", "controllers": [], "purposes": [],
        "event": {"kind": "given", "kind_iri": "", "at": "2026-01-01T00:00:00Z", "given_by": "subject",
            "method": "form", "is_explicit": true},
        "withdrawal": "https://example.com/withdraw",
    }))?;
    fs::write(
        corpus.join("receipt/consent"),
        serde_json::to_vec(&receipt.sign(&key)?)?,
    )?;

    let (leaf, growth) = privet_fuzz::corpus_evidence();
    fs::create_dir_all(corpus.join("evidence"))?;
    fs::write(corpus.join("evidence/leaf"), leaf)?;
    fs::write(corpus.join("evidence/growth"), growth)?;

    fs::write(corpus.join("update/signed"), privet_fuzz::corpus_update())?;

    let root = RootKey::parse(&format!("privet-root-1:{}", "6".repeat(64)))?;
    let under = root.wrapping_key("privet/fuzz", b"keyring");
    let place = |id| KeyPlace {
        tenant: b"t",
        level: KeyLevel::Index,
        id,
        epoch: 0,
    };
    fs::write(corpus.join("keyring/root"), under.wrap(&place(b"root"), &root)?)?;
    fs::write(
        corpus.join("keyring/secret"),
        under.wrap(&place(b"index"), &IndexSecret::generate()?)?,
    )?;
    fs::write(corpus.join("keyring/text"), root.to_text().as_bytes())?;

    let header = serde_json::to_vec(&BackupHeader {
        format: "privet-backup-1".to_owned(),
        database: "store".to_owned(),
        schema: 1,
        at: "2026-01-01T00:00:00Z".parse()?,
        tables: vec![BackupTable {
            name: "t".to_owned(),
            columns: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
        }],
    })?;
    let mut rows = u32::try_from(header.len())?.to_le_bytes().to_vec();
    rows.extend_from_slice(&header);
    rows.extend_from_slice(
        b"R\0\0\x01\x07\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\xe0\x3f\x03\x05\0\0\0seven\x04\x01\0\0\0\x07\0",
    );
    rows.push(b'E');
    rows.extend_from_slice(&1_u64.to_le_bytes());
    fs::write(corpus.join("backup/rows"), rows)?;
    Ok(())
}
