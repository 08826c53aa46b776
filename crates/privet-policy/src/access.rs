//! The `[access]` table of the policy document: who may do what, beside the roles that ship.

use std::path::{Path, PathBuf};

use privet_types::RoleName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::beside;
use crate::key_path::{Fault, KeyPath};

/// The `[access]` table of the policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Files of Cedar policies, relative to this file. They are added to the roles that ship with Privet
    /// (`privet policy show`).
    pub policies: Vec<PathBuf>,
    /// Where policies tell hours and days of the week: `+02:00`.
    pub utc_offset: String,
    /// Which prompts need a provider with an assessment that holds (`privet policy assess`).
    pub require_assessment: RequireAssessment,
    /// Whether providers on this machine need one, too.
    pub assess_local: bool,
    /// Roles whose holders sign in with a password alone. Whoever has another one needs a second factor.
    pub password_only_roles: Vec<String>,
    /// Whether people may send prompts by the session of their browser, too, and not by keys alone.
    pub prompts_by_session: bool,
}

/// Which prompts need a provider with an assessment that holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequireAssessment {
    /// None.
    Never,
    /// Those with personal data that this policy would let pass as it is: of a kind whose action, or the `default_action`, is
    /// `allow`, or in a part of `[parts] pass`. Surrogates may go to anybody, and so may what `broad_action` allows.
    #[default]
    Unmasked,
    /// Those with any personal data, masked or not.
    Always,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            utc_offset: "+00:00".to_owned(),
            require_assessment: RequireAssessment::default(),
            assess_local: false,
            password_only_roles: vec!["user".to_owned()],
            prompts_by_session: false,
        }
    }
}

impl AccessConfig {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The files of Cedar policies, for a policy document at `document`: each with its name as it is written.
    pub fn policy_files<'a>(&'a self, document: &'a Path) -> impl Iterator<Item = (String, PathBuf)> + 'a {
        self.policies
            .iter()
            .map(move |path| (path.display().to_string(), beside(document, path)))
    }

    /// `utc_offset` in seconds east of Greenwich.
    #[must_use]
    pub fn utc_offset_seconds(&self) -> i32 {
        offset_seconds(&self.utc_offset).unwrap_or(0)
    }
}

pub(crate) fn check(access: &AccessConfig) -> Result<(), Fault> {
    let at = KeyPath::of("access");
    for (index, path) in access.policies.iter().enumerate() {
        if path.extension().is_none_or(|extension| extension != "cedar") {
            return Err(at
                .key("policies")
                .index(index)
                .fault("name a file that ends in `.cedar`"));
        }
    }
    for (index, role) in access.password_only_roles.iter().enumerate() {
        if role.parse::<RoleName>().is_err() {
            return Err(at
                .key("password_only_roles")
                .index(index)
                .fault("name a role: 1 to 64 ASCII letters, digits, `.`, `_`, `-` and `@`"));
        }
    }
    if offset_seconds(&access.utc_offset).is_none() {
        return Err(at
            .key("utc_offset")
            .fault("write hours and minutes from -14:00 to +14:00, such as `+02:00`"));
    }
    Ok(())
}

fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str, most: i32| -> Option<i32> {
        let is_number = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok())??;
        (number <= most).then_some(number)
    };
    let seconds = number(hours, 14)? * 3600 + number(minutes, 59)? * 60;
    (seconds <= 14 * 3600).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_hours_and_minutes() {
        assert_eq!(offset_seconds("+00:00"), Some(0));
        assert_eq!(offset_seconds("-03:30"), Some(-12_600));
        assert_eq!(offset_seconds("+14:00"), Some(50_400));
        for bad in [
            "",
            "2",
            "+2:00",
            "02:00",
            "+14:01",
            "+02:60",
            "+0a:00",
            "Europe/Berlin",
        ] {
            assert_eq!(offset_seconds(bad), None, "{bad}");
        }
    }
}
