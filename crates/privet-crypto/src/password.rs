//! Passwords as they are kept.

use std::fmt;

use data_encoding::BASE64_NOPAD;

use crate::keys::is_equal;
use crate::passphrase::{argon2id, number};
use crate::{Argon2Cost, Error, random};

/// Written form: this prefix, then `m=…,t=…,p=…$salt$hash` with salt and hash in base64 without padding (PHC string format).
const PREFIX: &str = "$argon2id$v=19$";
/// Longest written form that is looked at.
const MAX_TEXT: usize = 160;

/// A password, hashed by Argon2id (RFC 9106) with a salt of its own and a pepper that is kept elsewhere: whoever has the
/// hashes alone can try no password on them.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    cost: Argon2Cost,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl PasswordHash {
    /// Hashes `password`. `pepper` is the secret K of RFC 9106 §3.1: with one for each person, a hash fits nobody else's
    /// row. The password counts byte by byte: normalise it first. Takes the memory and time that `cost` says.
    ///
    /// # Errors
    /// [`Error::Library`] if there are no random bytes or no memory.
    pub fn make(password: &str, pepper: &[u8; 32], cost: Argon2Cost) -> Result<Self, Error> {
        let salt = random()?;
        let hash = argon2id(password.as_bytes(), &salt, pepper, cost)?;
        Ok(Self {
            cost,
            salt,
            hash: *hash,
        })
    }

    /// A hash that no password is known to have, for work that must look like a check and always fails.
    ///
    /// # Errors
    /// [`Error::Library`] if there are no random bytes.
    pub fn of_nothing(cost: Argon2Cost) -> Result<Self, Error> {
        Ok(Self {
            cost,
            salt: random()?,
            hash: random()?,
        })
    }

    /// Whether this is the hash of `password`, compared in constant time. Takes the memory and time of its cost.
    ///
    /// # Errors
    /// [`Error::Library`] if there is no memory.
    pub fn is_of(&self, password: &str, pepper: &[u8; 32]) -> Result<bool, Error> {
        let hash = argon2id(password.as_bytes(), &self.salt, pepper, self.cost)?;
        Ok(is_equal(hash.as_slice(), &self.hash))
    }

    /// What it cost.
    #[must_use]
    pub const fn cost(&self) -> Argon2Cost {
        self.cost
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// [`Error::BadPasswordHash`] for another form, [`Error::BadCost`] for a cost out of bounds.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::BadPasswordHash);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(Error::BadPasswordHash)?;
        let mut parts = rest.split('$');
        let mut next = || parts.next().ok_or(Error::BadPasswordHash);
        let (cost, salt, hash) = (next()?, next()?, next()?);
        if next().is_ok() {
            return Err(Error::BadPasswordHash);
        }
        let mut costs = cost.split(',');
        let mut cost = |name: &str| {
            let field = costs.next().and_then(|field| field.strip_prefix(name));
            let field = field.ok_or(Error::BadPasswordHash)?;
            number(field).map_err(|_| Error::BadPasswordHash)
        };
        let (memory_kib, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
        if costs.next().is_some() {
            return Err(Error::BadPasswordHash);
        }
        Ok(Self {
            cost: Argon2Cost::new(memory_kib, passes, lanes)?,
            salt: bytes(salt)?,
            hash: bytes(hash)?,
        })
    }

    /// The written form, a PHC string.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (memory_kib, passes, lanes) = self.cost.parts();
        format!(
            "{PREFIX}m={memory_kib},t={passes},p={lanes}${}${}",
            BASE64_NOPAD.encode(&self.salt),
            BASE64_NOPAD.encode(&self.hash)
        )
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    let bytes = BASE64_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| Error::BadPasswordHash)?;
    bytes.try_into().map_err(|_| Error::BadPasswordHash)
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?}, [secret])", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    #[test]
    fn a_hash_survives_being_written_and_fits_its_password_and_pepper_only() {
        let made = PasswordHash::make(PASSWORD, &[7; 32], Argon2Cost::for_sign_in()).unwrap();
        let text = made.to_text();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let again = PasswordHash::parse(&text).unwrap();
        assert_eq!(again, made);
        assert!(again.is_of(PASSWORD, &[7; 32]).unwrap());
        assert!(!again.is_of(PASSWORD, &[8; 32]).unwrap());
        assert!(!again.is_of("correct horse batterz", &[7; 32]).unwrap());
        assert_eq!(again.cost(), Argon2Cost::for_sign_in());
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        let make = || PasswordHash::make(PASSWORD, &[7; 32], Argon2Cost::for_sign_in()).unwrap();
        assert_ne!(make(), make());
    }

    #[test]
    fn what_is_not_a_hash_or_costs_too_much_is_refused() {
        let good = PasswordHash::of_nothing(Argon2Cost::for_sign_in())
            .unwrap()
            .to_text();
        assert!(PasswordHash::parse(&good).is_ok());
        for (bad, error) in [
            (String::new(), Error::BadPasswordHash),
            (good.replace("argon2id", "argon2i"), Error::BadPasswordHash),
            (good.replace("v=19", "v=16"), Error::BadPasswordHash),
            (good.replace("m=19456", "m=019456"), Error::BadPasswordHash),
            (good.replace("p=1", "p=1,data=AA"), Error::BadPasswordHash),
            (format!("{good}$x"), Error::BadPasswordHash),
            (format!("{good}A"), Error::BadPasswordHash),
            (good.replace("m=19456", "m=4194304"), Error::BadCost),
            (good.replace("t=2", "t=1"), Error::BadCost),
        ] {
            assert_eq!(PasswordHash::parse(&bad).unwrap_err(), error, "{bad}");
        }
    }

    #[test]
    fn a_hash_does_not_print_itself() {
        let made = PasswordHash::of_nothing(Argon2Cost::for_sign_in()).unwrap();
        assert!(format!("{made:?}").ends_with(", [secret])"));
    }

    #[test]
    fn the_old_hashes_of_others_are_those_of_their_standards() {
        // RFC 2202 §3, test case 2; FIPS 180, "abc".
        let hex = |bytes: [u8; 20]| data_encoding::HEXLOWER.encode(&bytes);
        assert_eq!(
            hex(crate::hmac_sha1(b"Jefe", b"what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            hex(crate::sha1(b"abc")),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
    }
}
