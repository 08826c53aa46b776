//! How subjects are named: a mode, and an identity in it.

use privet_types::Secret;
use privet_vault::SubjectRef;

use serde_json::Value;

use super::refusal::Refusal;

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

/// The subject whom the object `named` names by its fields `mode` and `identity`.
pub(crate) fn of(named: &Value) -> Result<SubjectRef, Refusal> {
    let mode = named.get("mode").and_then(Value::as_str);
    let mode = mode.ok_or_else(|| Refusal::field("mode", "use text"))?;
    match named.get("identity") {
        Some(Value::String(identity)) => subject(mode, identity),
        Some(Value::Number(number)) if number.is_u64() => subject(mode, &number.to_string()),
        _ => Err(Refusal::field("identity", "use text")),
    }
}
