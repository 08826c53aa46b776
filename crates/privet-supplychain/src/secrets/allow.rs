//! Comments on a line that say that what stands on it may stay.

/// Why a line's findings may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule that is allowed; all rules if `None`.
    pub rule: Option<String>,
    /// What was written behind it.
    pub text: String,
}

/// Reads `privet:allow RULE reason…` or `gitleaks:allow` on `line`.
///
/// `privet:allow` without a rule, or with `*`, allows all rules. Comments of other tools are not honoured.
#[must_use]
pub fn allowed_inline(line: &[u8]) -> Option<Reason> {
    const OWN: &[u8] = b"privet:allow";
    if let Some(at) = memchr::memmem::find(line, OWN) {
        let rest = line.get(at + OWN.len()..)?;
        if rest
            .first()
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-')
        {
            return None;
        }
        let rest = String::from_utf8_lossy(rest);
        let rest = rest.trim().trim_end_matches("-->").trim_end_matches("*/").trim();
        let (rule, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let is_id =
            !rule.is_empty() && rule != "*" && rule.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        return Some(Reason {
            rule: is_id.then(|| rule.to_owned()),
            text: text.trim().to_owned(),
        });
    }
    memchr::memmem::find(line, b"gitleaks:allow").map(|_| Reason {
        rule: None,
        text: "gitleaks:allow".to_owned(),
    })
}
