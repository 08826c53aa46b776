//! Kinds of personal data.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! entities {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A kind of personal data. Names are Presidio's where Presidio has the kind.
        ///
        /// Ordered by name; written and read as that name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Entity(&'static str);

        impl Entity {
            $($(#[doc = $doc])+ pub const $name: Self = Self(stringify!($name));)+

            /// Every kind Privet knows, sorted by name.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

entities! {
    /// An API key, access token or other machine credential.
    API_KEY,
    /// A payment card number (PAN), ISO/IEC 7812.
    CREDIT_CARD,
    /// A cryptocurrency address.
    CRYPTO,
    /// The day somebody was born.
    DATE_OF_BIRTH,
    /// A calendar date, a time of day, or both.
    DATE_TIME,
    /// An e-mail address, RFC 5322.
    EMAIL_ADDRESS,
    /// An international bank account number, ISO 13616.
    IBAN_CODE,
    /// An IPv4 or IPv6 address.
    IP_ADDRESS,
    /// A town, region, country or other place with a name.
    LOCATION,
    /// A hardware address, EUI-48.
    MAC_ADDRESS,
    /// A nationality, religion or political group.
    NRP,
    /// A firm, authority, school, club or other organisation.
    ORGANIZATION,
    /// A person's name.
    PERSON,
    /// A telephone number.
    PHONE_NUMBER,
    /// A PEM or OpenSSH private-key block.
    PRIVATE_KEY,
    /// A postal address: at least a street, with all that follows it.
    STREET_ADDRESS,
    /// Text that already looks like one of Privet's own stand-ins.
    SURROGATE,
    /// A term the policy lists as private.
    TERM,
    /// A URL that carries credentials.
    URL_CREDENTIALS,
    /// A United States social security number.
    US_SSN,
}

impl Entity {
    /// The kind named `name`, in capitals as listed.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .binary_search_by(|e| e.0.cmp(name))
            .ok()
            .and_then(|i| Self::ALL.get(i).copied())
    }

    /// The name, such as `EMAIL_ADDRESS`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "unknown entity `{name}`; known ones: {}",
                Self::ALL.iter().map(|e| e.0).collect::<Vec<_>>().join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_is_found_by_its_name() {
        assert!(Entity::ALL.is_sorted());
        assert!(Entity::ALL.iter().all(|e| Entity::parse(e.name()) == Some(*e)));
        assert_eq!(Entity::parse("email_address"), None);
    }
}
