//! Which conversation a prompt is part of, where its caller does not say.

use privet_crypto::HashKey;
use serde_json::Value;

/// Begins the names that are made here: no caller's name can.
const MARK: char = '~';
/// Hexadecimal digits of such a name: 128 bits.
const DIGITS: usize = 32;

/// What calls of one conversation have in common: `~` and a keyed hash of `whose` (who calls, and about whom) and of the
/// texts of the first message that a user wrote. Clients of stateless interfaces send it again in each later turn.
///
/// `None` if `prompt` has no such message. Conversations that begin with the same words are one, and one whose client leaves
/// out its beginning becomes another.
pub(super) fn of(key: &HashKey, whose: &[&[u8]], prompt: &[u8]) -> Option<String> {
    let prompt: Value = serde_json::from_slice(prompt).ok()?;
    let is_set = |field: &str| prompt.get(field).is_some_and(|value| !value.is_null());
    if is_set("previous_response_id") || is_set("conversation") {
        // It goes on where the provider has its beginning.
        return None;
    }
    let is_users = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
    let content = match prompt.get("messages").or_else(|| prompt.get("input"))? {
        Value::Array(turns) => turns.iter().find(is_users)?.get("content")?,
        text => text,
    };
    // Marks beside the texts, such as those of a cache, move from turn to turn.
    let texts: Vec<&[u8]> = match content {
        Value::String(text) => vec![text.as_bytes()],
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block.get("text")?.as_str());
            texts.map(str::as_bytes).collect()
        }
        _ => Vec::new(),
    };
    if texts.iter().all(|text| text.is_empty()) {
        return None;
    }
    let mut name = key.hash_hex(&[whose, &texts].concat());
    name.truncate(DIGITS);
    name.insert(0, MARK);
    Some(name)
}

#[cfg(test)]
mod tests {
    use privet_crypto::RootKey;

    use super::*;

    fn named(whose: &[u8], prompt: &str) -> Option<String> {
        let root = RootKey::parse(&format!("privet-root-1:{}", "07".repeat(32))).unwrap();
        let key = root.hash_key("privet/test", b"");
        of(&key, &[whose], prompt.as_bytes())
    }

    #[test]
    fn later_turns_have_the_name_of_the_first() {
        let first = named(
            b"ann",
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#,
        );
        let later = r#"{"model":"m","messages":[{"role":"system","content":"t"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"hello"},{"role":"user","content":"and?"}]}"#;
        assert_eq!(first, named(b"ann", later));
        let blocks = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        assert_eq!(first, named(b"ann", blocks));
        let name = first.unwrap();
        assert!(name.len() == 33 && name.starts_with('~'), "{name}");
    }

    #[test]
    fn turns_of_a_response_are_named_by_its_input() {
        let text = named(b"ann", r#"{"model":"m","input":"hi"}"#);
        let items = r#"{"model":"m","input":[{"role":"developer","content":"s"},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#;
        assert!(text.is_some());
        assert_eq!(text, named(b"ann", items));
        let goes_on = r#"{"model":"m","input":"hi","previous_response_id":"resp_1"}"#;
        assert_eq!(named(b"ann", goes_on), None);
    }

    #[test]
    fn other_callers_and_other_beginnings_have_other_names() {
        let said = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
        let other = r#"{"messages":[{"role":"user","content":"ho"}]}"#;
        assert_ne!(named(b"ann", said), named(b"bob", said));
        assert_ne!(named(b"ann", said), named(b"ann", other));
    }

    #[test]
    fn what_no_user_began_has_no_name() {
        for prompt in [
            "no JSON",
            "{}",
            r#"{"messages":[{"role":"assistant","content":"hi"}]}"#,
            r#"{"messages":[{"role":"user","content":""}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
        ] {
            assert_eq!(named(b"ann", prompt), None, "{prompt}");
        }
    }
}
