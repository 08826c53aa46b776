//! What people's requests are read from: the body that takes one in, and the names by which a subject is called.

use jiff::Timestamp;
use privet_vault::{Error, NewRequestBody, RequestKind, SubjectRef};

use crate::variant;

/// 2027-01-15.
const NOW: i64 = 1_800_000_000;
/// What an error of a body may name.
const FIELDS: [&str; 6] = [
    "submitted_time",
    "subject_identities",
    "status_callback_urls",
    "patch",
    "purposes",
    "note",
];

/// A body is refused by the name of a field, without what stood in it, or is a request within the bounds.
pub fn fuzz_dsr_body(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<NewRequestBody>(data) else {
        return;
    };
    let callbacks = body.callbacks().to_vec();
    let now = Timestamp::from_second(NOW).expect("in range");
    match body.into_request(now) {
        Ok(new) => {
            assert!((1..=16).contains(&new.identities.len()));
            assert!(new.received_at.is_none_or(|at| at <= now));
            assert_eq!(new.patch.is_some(), new.kind == RequestKind::Rectification);
            assert!(new.purposes.is_empty() || new.kind == RequestKind::Objection);
            assert!(new.callbacks.iter().all(|url| url.starts_with("https://")));
            assert_eq!(new.callbacks, callbacks);
            if let Some(patch) = &new.patch {
                let patch: serde_json::Value = serde_json::from_str(patch.expose()).expect("it was JSON");
                assert!(patch.is_object());
            }
        }
        Err(Error::BadField { field, .. }) => assert!(FIELDS.contains(&field.as_str()), "{field}"),
        Err(Error::Absent { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

/// A name is taken, and shown to nobody, or is refused without it; an id is read as it is written.
pub fn fuzz_identity(data: &[u8]) {
    let Some((mode, value)) = variant(data) else {
        return;
    };
    let Ok(value) = std::str::from_utf8(value) else {
        return;
    };
    let modes = ["token", "login", "email", "phone", "custom", "badge"];
    let mode = modes[usize::from(mode) % modes.len()];
    // Short ones stand in the words of any text.
    let is_told = |text: &str| value.len() > 8 && text.contains(value);
    match SubjectRef::parse(mode, value) {
        Ok(SubjectRef::Token(id)) => {
            assert_eq!(id.as_str().len(), 36);
            assert_eq!(id.as_str(), value.to_ascii_lowercase());
            let again = SubjectRef::parse(mode, id.as_str());
            assert!(matches!(again, Ok(SubjectRef::Token(same)) if same == id));
        }
        Ok(named) => {
            assert_ne!(mode, "token");
            assert!(!is_told(&format!("{named:?}")));
        }
        Err(error) => {
            assert_eq!(mode, "token");
            assert!(!is_told(&error.to_string()));
        }
    }
}
