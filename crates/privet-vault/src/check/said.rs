//! What a leaf says of rows, as short names.

use std::borrow::Cow;

use jiff::Timestamp;
use privet_crypto::sha256;
use serde_json::Value;

use crate::calls::KIND as CALL;
use crate::consent::EventKind;

/// A row's or leaf's name: half a SHA-256.
pub(super) type Name = [u8; 16];

/// Hexadecimal digits of a row's name in the log: half of those of a hash.
const ROW_NAME: usize = 32;

/// What a leaf says.
pub(super) enum Said {
    /// A row was stored.
    Stored {
        /// Its name.
        name: Name,
        /// Whose it is, as the log calls them.
        subject: Option<Name>,
        /// It stays for as long as there is a log, or until its end or that of its subject is told.
        stays: bool,
    },
    /// The row of this name is no more.
    Ended(Name),
    /// The subject of this name is erased, with all that hung on it.
    Erased(Name),
}

pub(super) fn name(what: &str, parts: &[&str]) -> Name {
    let text = std::iter::once(what)
        .chain(parts.iter().copied())
        .collect::<Vec<_>>()
        .join("\0");
    sha256(text.as_bytes()).first_chunk().copied().unwrap_or_default()
}

/// The name of a row by the hash of its ciphertext, or by what the log calls it: the first half, hexadecimal, counts.
pub(super) fn seal_name(hash: &str) -> Name {
    name("sealed", &[hash.get(..ROW_NAME).unwrap_or(hash)])
}

/// A leaf that is known word for word.
pub(super) fn exact(kind: &str, at: i64, json: &str) -> Name {
    name("exact", &[kind, &at.to_string(), json])
}

/// The leaf without whose and when it is, if that is what it is: its row says the same in columns of its own, and leaves from
/// before had neither.
fn bare<'j>(tenant: &str, at: i64, json: &'j str, payload: &Value) -> Cow<'j, str> {
    let text = |field: &str| payload.get(field).and_then(Value::as_str);
    let mut inner = json.strip_suffix('}').unwrap_or(json);
    let said_at = text("at").filter(|said| {
        let said = said.parse::<Timestamp>();
        said.is_ok_and(|said| said.as_millisecond() == at)
    });
    if let Some(said_at) = said_at {
        inner = inner
            .strip_suffix(&format!(",\"at\":\"{said_at}\""))
            .unwrap_or(inner);
    }
    match inner.strip_suffix(&format!(",\"tenant\":\"{tenant}\"")) {
        Some(inner) => Cow::Owned(format!("{inner}}}")),
        None => Cow::Borrowed(json),
    }
}

/// What a leaf says of rows.
pub(super) fn said(tenant: &str, kind: &str, at: i64, json: &str, payload: &Value) -> Vec<Said> {
    let text = |field: &str| payload.get(field).and_then(Value::as_str);
    let list = |field: &str| payload.get(field).and_then(Value::as_array).into_iter().flatten();
    let subject = text("subject").map(|subject| name("subject", &[subject]));
    let is_followed = payload.get("is_followed") == Some(&Value::Bool(true));
    let mut all = Vec::new();
    let mut stored = |name: Name, subject: Option<Name>, stays: bool| {
        all.push(Said::Stored { name, subject, stays });
    };
    if let Some(sealed) = text("sealed").or_else(|| text("row")) {
        stored(seal_name(sealed), subject, is_followed);
    }
    let is_consent = text("statement").is_some() && EventKind::ALL.iter().any(|event| event.leaf() == kind);
    let is_kept = is_consent
        || matches!(
            kind,
            "definition_changed" | "definition_deleted" | "hold_placed" | "hold_released" | "hold_ended"
        );
    if is_kept {
        stored(exact(kind, at, &bare(tenant, at, json, payload)), None, true);
    }
    match (kind, text("erasure"), text("subject"), text("request")) {
        ("subject_created", _, Some(id), _) => stored(name("subject", &[id]), subject, true),
        ("subject_erasure_begun", Some(id), ..) => {
            stored(name("begun", &[id]), None, true);
            for entry in list("listed").filter_map(Value::as_str) {
                stored(name("listed", &[entry]), None, true);
            }
        }
        ("subject_erased", Some(id), ..) => {
            let receipt = text("receipt").unwrap_or_default();
            stored(name("done", &[id, receipt]), None, true);
        }
        (CALL, ..) => {
            if let Some(id) = text("id") {
                stored(name("call", &[id]), None, true);
            }
        }
        (_, _, _, Some(request)) => {
            let due = text("due_at").and_then(|due| due.parse::<Timestamp>().ok());
            let due = due
                .map(|due| due.as_millisecond().to_string())
                .unwrap_or_default();
            let status = text("status").unwrap_or_default();
            let receipt = text("receipt").unwrap_or_default();
            stored(name("request", &[request, status, &due, receipt]), None, false);
            // Requests are kept, whatever becomes of them and of whom they are about.
            stored(name("request_row", &[request]), None, !status.is_empty());
        }
        _ => {}
    }
    if let Some(object) = text("object") {
        // Neither bulk reads nor API keys are ever deleted.
        let stays = kind.starts_with("bulk_read_") || kind.starts_with("api_key_");
        stored(name("object", &[object]), None, stays);
    }
    all.extend(
        list("ended")
            .filter_map(Value::as_str)
            .map(|name| Said::Ended(seal_name(name))),
    );
    if matches!(kind, "subject_erasure_begun" | "subject_erased") {
        all.extend(subject.map(Said::Erased));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stays(kind: &str, payload: &Value) -> Vec<bool> {
        let all = said("acme", kind, 0, &payload.to_string(), payload);
        let stays = all
            .iter()
            .map(|one| matches!(one, Said::Stored { stays: true, .. }));
        stays.collect()
    }

    #[test]
    fn a_leaf_from_before_ends_were_told_of_promises_nothing() {
        let old = json!({"subject": "p", "sealed": "00ff"});
        assert_eq!(stays("session_stored", &old), [false]);
        let new = json!({"subject": "p", "sealed": "00ff", "is_followed": true});
        assert_eq!(stays("session_stored", &new), [true]);
    }

    #[test]
    fn whose_and_when_a_leaf_is_counts_if_it_is_so() {
        let same = |json: &str| {
            let payload = serde_json::from_str(json).unwrap();
            bare("acme", 1_000, json, &payload) == r#"{"hold":"h"}"#
        };
        assert!(same(r#"{"hold":"h"}"#));
        assert!(same(r#"{"hold":"h","tenant":"acme"}"#));
        assert!(same(
            r#"{"hold":"h","tenant":"acme","at":"1970-01-01T00:00:01Z"}"#
        ));
        assert!(!same(
            r#"{"hold":"h","tenant":"other","at":"1970-01-01T00:00:01Z"}"#
        ));
        assert!(!same(
            r#"{"hold":"h","tenant":"acme","at":"1970-01-01T00:00:02Z"}"#
        ));
    }

    #[test]
    fn a_row_is_called_by_half_of_its_hash() {
        let whole = "0123456789abcdef".repeat(4);
        let (half, _) = whole.split_at(ROW_NAME);
        assert_eq!(seal_name(&whole), seal_name(half));
        let ended = json!({"ended": [half]});
        let all = said("acme", "session_ended", 0, "", &ended);
        assert!(matches!(all[..], [Said::Ended(name)] if name == seal_name(&whole)));
    }
}
