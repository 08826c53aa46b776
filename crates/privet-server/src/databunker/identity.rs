//! How subjects are named: a mode, and an identity in it.

use privet_types::Secret;
use privet_vault::SubjectRef;

use super::refusal::Refusal;

/// The fields of a profile by which a subject is found.
pub(crate) const INDEXED: [&str; 4] = ["login", "email", "phone", "custom"];

/// The subject whom `identity` names in `mode`.
pub(crate) fn subject(mode: &str, identity: &str) -> Result<SubjectRef, Refusal> {
    let secret = || Secret::new(identity.to_owned());
    Ok(match mode {
        "token" => SubjectRef::Token(identity.parse().map_err(|_| Refusal::BadUuid)?),
        "login" => SubjectRef::Login(secret()),
        "email" => SubjectRef::Email(secret()),
        "phone" => SubjectRef::Phone(secret()),
        "custom" => SubjectRef::Custom(secret()),
        _ => return Err(Refusal::BadMode),
    })
}

/// `text` as a UUID, in lower case.
pub(crate) fn uuid(text: &str) -> Result<String, Refusal> {
    let id: Result<privet_vault::SubjectId, _> = text.parse();
    id.map(String::from).map_err(|_| Refusal::BadUuid)
}
