//! Which passwords people may have.

use std::path::PathBuf;
use std::sync::Arc;

use privet_types::Principal;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{SignInConfig, SignInError, breached};
use crate::Error;

/// Most characters: more than a person types, and what hashing is fed is bounded. NIST SP 800-63B-4 §3.1.1.2 asks for 64 at least.
const LONGEST: usize = 128;
/// Names shorter than this stand in many good passwords.
const SHORT_NAME: usize = 4;

/// Why somebody may not have a password. Never says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordFault {
    /// Too few characters.
    #[error(
        "use a password of {least} characters or more; three or four words that do not belong together are good"
    )]
    TooShort {
        /// How many it needs.
        least: usize,
    },
    /// Too many characters.
    #[error("use a password of {most} characters or fewer")]
    TooLong {
        /// How many it may have.
        most: usize,
    },
    /// A line end, a tabulator or the like.
    #[error("use a password of letters, digits, signs and spaces: it holds a control character")]
    Control,
    /// It holds the person's name.
    #[error("use a password that does not hold your name")]
    HoldsName,
    /// It is in a list.
    #[error(
        "this password is in a list of passwords that others know; use another one, here and wherever else you use it"
    )]
    Breached,
}

/// What passwords must be.
#[derive(Debug, Clone)]
pub(super) struct PasswordRules {
    least: usize,
    hashes: Option<Arc<PathBuf>>,
    words: Option<Arc<PathBuf>>,
}

impl PasswordRules {
    /// Looks at the lists, which must be there and in order.
    pub(super) fn open(config: &SignInConfig) -> Result<Self, Error> {
        if let Some(path) = &config.breached_hashes {
            breached::check_hashes(path)?;
        }
        if let Some(path) = &config.breached_words {
            breached::check_words(path)?;
        }
        Ok(Self {
            least: config.least_length,
            hashes: config.breached_hashes.clone().map(Arc::new),
            words: config.breached_words.clone().map(Arc::new),
        })
    }

    /// That the person `name` may have `password`, which is in its normal form. Reads the lists.
    pub(super) fn check(&self, password: &str, name: &Principal) -> Result<(), SignInError> {
        let length = password.chars().count();
        if length < self.least {
            return Err(PasswordFault::TooShort { least: self.least }.into());
        }
        if length > LONGEST {
            return Err(PasswordFault::TooLong { most: LONGEST }.into());
        }
        if password.chars().any(char::is_control) {
            return Err(PasswordFault::Control.into());
        }
        let name = name.as_str().to_lowercase();
        if name.len() >= SHORT_NAME && password.to_lowercase().contains(&name) {
            return Err(PasswordFault::HoldsName.into());
        }
        let is_listed = || -> Result<bool, Error> {
            if let Some(path) = &self.words
                && breached::has_word(path, password)?
            {
                return Ok(true);
            }
            match &self.hashes {
                Some(path) => breached::has_hash(path, password),
                None => Ok(false),
            }
        };
        match is_listed() {
            Ok(false) => Ok(()),
            Ok(true) => Err(PasswordFault::Breached.into()),
            Err(error) => {
                tracing::error!(%error, "a new password cannot be checked");
                Err(SignInError::Unchecked(error))
            }
        }
    }
}

/// A password as it counts: the same however a keyboard writes its accents (RFC 8265 §4.2, OpaqueString: NFC, and all spaces are
/// one). One that is far too long is cut, so that nobody makes others wait; it fits nothing then.
pub(super) fn normalise(password: &str) -> Zeroizing<String> {
    let space = |c: char| {
        if c != '\n' && c.is_whitespace() && !c.is_control() {
            ' '
        } else {
            c
        }
    };
    Zeroizing::new(password.chars().map(space).nfc().take(4 * LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Option<PasswordFault> {
        let rules = PasswordRules {
            least: 12,
            hashes: None,
            words: None,
        };
        let checked = rules.check(&normalise(password), &"anna".parse().unwrap());
        match checked {
            Ok(()) => None,
            Err(SignInError::Password(fault)) => Some(fault),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn passwords_have_a_least_and_a_most_length_in_characters() {
        assert_eq!(check("zwölf Zeichn"), None);
        assert_eq!(check("elf Zeichen"), Some(PasswordFault::TooShort { least: 12 }));
        assert_eq!(check(&"ü".repeat(128)), None);
        assert_eq!(
            check(&"ü".repeat(129)),
            Some(PasswordFault::TooLong { most: 128 })
        );
        assert_eq!(
            check(&"x".repeat(1 << 20)),
            Some(PasswordFault::TooLong { most: 128 })
        );
    }

    #[test]
    fn control_characters_and_the_own_name_are_refused() {
        assert_eq!(check("correct\thorse battery"), Some(PasswordFault::Control));
        assert_eq!(check("the house of ANNA"), Some(PasswordFault::HoldsName));
    }

    #[test]
    fn one_password_is_the_same_from_every_keyboard() {
        assert_eq!(
            normalise("cafe\u{301} au\u{a0}lait"),
            normalise("caf\u{e9} au lait")
        );
        assert_ne!(normalise("Cafe"), normalise("cafe"));
    }
}
