//! What was held until somebody approves it, and what somebody has approved.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use privet_types::RuleId;

use crate::controls::KeyedHash;

/// Names what is held, so that an approval holds for the same text or tool call of the same caller and for nothing else: the
/// first 128 bits of a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub [u8; 16]);

/// What may pass although a rule holds it.
pub type Approvals = BTreeSet<HoldId>;

/// Something that waits for an approval. Holds no text itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Names it.
    pub id: HoldId,
    /// The rule that holds it.
    pub rule: RuleId,
    /// The tool that the model wants to call, if it is a call.
    pub tool: Option<String>,
}

/// What of a caller is held.
#[derive(Clone, Copy)]
pub(super) enum HeldWhat<'a> {
    /// A text of a prompt, held by a rule.
    Text { rule: RuleId, text: &'a str },
    /// A tool call.
    Call { name: &'a str, arguments: &'a str },
}

/// Whose texts and calls are held.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) keyed: KeyedHash,
    /// Names the tenant.
    pub(super) scope: Vec<u8>,
    pub(super) caller: String,
    pub(super) approved: Arc<Approvals>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder")
    }
}

impl Holder {
    /// The name of what is held, if nobody has approved it.
    pub(super) fn holds(&self, what: HeldWhat<'_>) -> Option<HoldId> {
        let id = self.id(what);
        (!self.approved.contains(&id)).then_some(id)
    }

    fn id(&self, what: HeldWhat<'_>) -> HoldId {
        let mut named = b"privet/guardrails/hold\0".to_vec();
        let mut part = |bytes: &[u8]| {
            named.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            named.extend_from_slice(bytes);
        };
        part(&self.scope);
        part(self.caller.as_bytes());
        match what {
            HeldWhat::Text { rule, text } => {
                part(b"text");
                part(rule.0.as_bytes());
                part(text.as_bytes());
            }
            HeldWhat::Call { name, arguments } => {
                part(b"call");
                part(name.as_bytes());
                // Spaces and line ends of JSON are no difference.
                let same =
                    serde_json::from_str::<serde_json::Value>(arguments).map(|value| value.to_string());
                part(same.as_deref().unwrap_or(arguments).as_bytes());
            }
        }
        let hash = (self.keyed)(&named);
        let mut id = [0; 16];
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        HoldId(id)
    }
}

impl HoldId {
    /// 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`to_hex`](Self::to_hex) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok()?;
        (text.len() == 32 && !text.starts_with('+')).then(|| Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(caller: &str) -> Holder {
        Holder {
            keyed: Arc::new(|bytes| {
                let mut hash = [0_u8; 32];
                for byte in bytes {
                    let mut carry = *byte;
                    for slot in &mut hash {
                        *slot = slot.wrapping_mul(31).wrapping_add(carry);
                        carry = *slot;
                    }
                }
                hash
            }),
            scope: b"default".to_vec(),
            caller: caller.to_owned(),
            approved: Arc::default(),
        }
    }

    #[test]
    fn an_id_is_of_one_caller_and_one_thing() {
        let call = |arguments| HeldWhat::Call {
            name: "send",
            arguments,
        };
        let of = holder("ann").id(call("{\"to\":1}"));
        assert_eq!(of, holder("ann").id(call("{ \"to\": 1 }")));
        assert_ne!(of, holder("ann").id(call("{\"to\":2}")));
        assert_ne!(of, holder("bob").id(call("{\"to\":1}")));
        assert_eq!(HoldId::parse(&of.to_hex()), Some(of));
        assert_eq!(HoldId::parse("12"), None);
    }

    #[test]
    fn what_is_approved_is_not_held() {
        let mut of = holder("ann");
        let text = HeldWhat::Text {
            rule: RuleId("detector/user"),
            text: "x",
        };
        let id = of.holds(text).unwrap();
        of.approved = Arc::new(Approvals::from([id]));
        assert_eq!(of.holds(text), None);
    }
}
