//! What must hold for any bytes at all, as plain functions: each takes an input and panics if a law is broken.
//!
//! libFuzzer calls them on a nightly compiler (`fuzz_targets/`, feature `libfuzzer`); `replay` calls them on any
//! compiler with the committed corpus and simple mutations of it. A new target is a function here, a line in
//! [`TARGETS`], a file in `fuzz_targets/`, a `[[bin]]` in `Cargo.toml` and a folder in `corpus/`.
#![forbid(unsafe_code)]

mod controls;
mod documents;
mod encoders;
mod files;
mod gold;
mod guard;
mod guarded;
mod keeps;
mod keys;
mod ledger;
mod models;
pub mod mutate;
mod packages;
mod recognizers;
mod replies;
mod requests;
mod rights;
mod scans;
mod texts;
mod updates;
mod vault;

use privet_types::SurfaceKind;

pub use controls::{fuzz_control_files, fuzz_controls, fuzz_schema, fuzz_sinks};
pub use documents::fuzz_settings;
pub use encoders::{fuzz_classifier, fuzz_encoder};
pub use files::{fuzz_csv_file, fuzz_json_file, fuzz_manifest, fuzz_operators, fuzz_records, fuzz_windows};
pub use gold::fuzz_gold;
pub use guard::fuzz_guard;
pub use guarded::fuzz_guarded;
pub use keeps::{corpus_cache, corpus_scan, corpus_scan_key, fuzz_scan_state};
pub use keys::{fuzz_passphrase, fuzz_sealed, fuzz_sealed_stream, fuzz_share};
pub use ledger::{corpus_evidence, fuzz_checkpoint, fuzz_entries, fuzz_evidence, fuzz_log_folder, fuzz_tile};
pub use models::{corpus_manifest, fuzz_artifact, fuzz_sealed_artifact};
pub use packages::{corpus_source, fuzz_advisories, fuzz_dependencies};
pub use recognizers::{fuzz_presidio, fuzz_recognizers};
pub use replies::fuzz_sse;
pub use requests::fuzz_json_body;
pub use rights::{fuzz_dsr_body, fuzz_identity};
pub use scans::{fuzz_notebook_fix, fuzz_scan_file, fuzz_secret_rules};
pub use texts::{fuzz_detect, fuzz_normalize, fuzz_restore};
pub use updates::{corpus_update, fuzz_update};
pub use vault::{fuzz_backup, fuzz_import, fuzz_keyring, fuzz_receipt};

/// A fuzz target: its name, which is also its corpus folder, and its law.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("sse", fuzz_sse),
    ("json_body", fuzz_json_body),
    ("settings", fuzz_settings),
    ("detect", fuzz_detect),
    ("restore", fuzz_restore),
    ("normalize", fuzz_normalize),
    ("encoder", fuzz_encoder),
    ("classifier", fuzz_classifier),
    ("json_file", fuzz_json_file),
    ("csv_file", fuzz_csv_file),
    ("records", fuzz_records),
    ("windows", fuzz_windows),
    ("gold", fuzz_gold),
    ("manifest", fuzz_manifest),
    ("operators", fuzz_operators),
    ("recognizers", fuzz_recognizers),
    ("presidio", fuzz_presidio),
    ("checkpoint", fuzz_checkpoint),
    ("tile", fuzz_tile),
    ("entries", fuzz_entries),
    ("log_folder", fuzz_log_folder),
    ("evidence", fuzz_evidence),
    ("share", fuzz_share),
    ("sealed", fuzz_sealed),
    ("sealed_stream", fuzz_sealed_stream),
    ("passphrase", fuzz_passphrase),
    ("import", fuzz_import),
    ("receipt", fuzz_receipt),
    ("backup", fuzz_backup),
    ("keyring", fuzz_keyring),
    ("dsr_body", fuzz_dsr_body),
    ("identity", fuzz_identity),
    ("update", fuzz_update),
    ("guard", fuzz_guard),
    ("guarded", fuzz_guarded),
    ("controls", fuzz_controls),
    ("sinks", fuzz_sinks),
    ("schema", fuzz_schema),
    ("control_files", fuzz_control_files),
    ("scan_file", fuzz_scan_file),
    ("artifact", fuzz_artifact),
    ("dependencies", fuzz_dependencies),
    ("advisories", fuzz_advisories),
    ("secret_rules", fuzz_secret_rules),
    ("notebook_fix", fuzz_notebook_fix),
    ("scan_state", fuzz_scan_state),
    ("sealed_artifact", fuzz_sealed_artifact),
];

/// The first byte of an input chooses among variants; the rest is the input proper.
fn variant(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(first, rest)| (*first, rest))
}

/// The dialect that a variant is of: bits 0, 4 and 5 tell, so that inputs of before keep theirs.
fn surface(variant: u8) -> SurfaceKind {
    match (variant & 0x30, variant & 1) {
        (0x10, _) => SurfaceKind::OpenaiResponses,
        (0x20, _) => SurfaceKind::OpenaiEmbeddings,
        (_, 0) => SurfaceKind::OpenaiChat,
        _ => SurfaceKind::AnthropicMessages,
    }
}

/// Cuts `data` at places that follow from `seed`: pieces of 1 to 16 bytes.
fn pieces(data: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    let mut state = u32::from(seed) | 0x100;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = 1 + usize::try_from(state >> 28).expect("four bits fit");
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        Some(piece)
    })
}
