//! Content that the policy passes and nobody looks into.

use super::Walk;
use crate::PartKind;
use crate::dialect;
use crate::json::Value;
use crate::memory::Element;
use crate::refusal::Refusal;

/// Content of one kind that passed unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedPart {
    /// How often.
    pub count: u32,
    /// Where the first of it stands, as a JSON pointer.
    pub pointer: String,
}

impl<'d> Walk<'_, 'd> {
    /// A part that the policy passes: what carries its content is not looked at, everything beside it is.
    pub(super) fn passed_part(&mut self, kind: PartKind, part: Value<'d>) -> Result<(), Refusal> {
        let path = &self.path;
        let passed = self.passed.entry(kind).or_insert_with(|| PassedPart {
            count: 0,
            pointer: dialect::pointer(path),
        });
        passed.count = passed.count.saturating_add(1);
        if let Element::New { detected, .. } = &mut self.element {
            detected.has_parts = true;
        }
        for (key, value) in part.entries() {
            let name = key.as_str().unwrap_or_default();
            if !dialect::is_opaque_field(self.surface, &name) {
                self.entry(key, value)?;
            }
        }
        Ok(())
    }
}
