//! Kinds of personal data.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{PoisonError, RwLock};

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

            /// What each of [`Self::ALL`] is.
            const DESCRIPTIONS: &'static [&'static str] = &[$(concat!($($doc),+)),+];
        }
    };
}

entities! {
    /// A United States bank routing transit number (ABA).
    ABA_ROUTING_NUMBER,
    /// A person's age.
    AGE,
    /// An API key, access token or other machine credential.
    API_KEY,
    /// An Austrian social security number (Sozialversicherungsnummer).
    AT_SVNR,
    /// An Australian business number.
    AU_ABN,
    /// An Australian company number.
    AU_ACN,
    /// An Australian Medicare card number.
    AU_MEDICARE,
    /// An Australian tax file number.
    AU_TFN,
    /// A Belgian national register number.
    BE_NN,
    /// A Brazilian company number (Cadastro Nacional da Pessoa Jurídica).
    BR_CNPJ,
    /// A Brazilian taxpayer's number (Cadastro de Pessoas Físicas).
    BR_CPF,
    /// The month in which a payment card expires.
    CARD_EXPIRY,
    /// A health card number of a Canadian province.
    CA_HEALTH,
    /// A Canadian social insurance number.
    CA_SIN,
    /// A Swiss social security number (AHV/AVS).
    CH_AHV,
    /// A Chinese resident identity number, GB 11643.
    CN_RESIDENT_ID,
    /// A payment card number (PAN), ISO/IEC 7812.
    CREDIT_CARD,
    /// A cryptocurrency address.
    CRYPTO,
    /// The security code of a payment card.
    CVV,
    /// The day somebody was born.
    DATE_OF_BIRTH,
    /// A date, a time, or a period.
    DATE_TIME,
    /// The number of a German medical practice (Betriebsstättennummer).
    DE_BSNR,
    /// A German driving licence number.
    DE_FUEHRERSCHEIN,
    /// An entry in the German commercial register.
    DE_HANDELSREGISTER,
    /// A German health insurance number (Krankenversichertennummer).
    DE_HEALTH_INSURANCE,
    /// A German identity card number.
    DE_ID_CARD,
    /// A German vehicle registration.
    DE_KFZ,
    /// The number of a German physician (Lebenslange Arztnummer).
    DE_LANR,
    /// A German passport number.
    DE_PASSPORT,
    /// A German postcode.
    DE_PLZ,
    /// A German pension insurance number (Rentenversicherungsnummer).
    DE_SOCIAL_SECURITY,
    /// A German tax identification number (steuerliche Identifikationsnummer).
    DE_TAX_ID,
    /// A German tax number (Steuernummer).
    DE_TAX_NUMBER,
    /// A German VAT identification number.
    DE_VAT_ID,
    /// A Danish personal identification number (CPR).
    DK_CPR,
    /// An e-mail address, RFC 5322.
    EMAIL_ADDRESS,
    /// A Spanish foreigner's identity number.
    ES_NIE,
    /// A Spanish tax and identity number (NIF, DNI).
    ES_NIF,
    /// A Spanish passport number.
    ES_PASSPORT,
    /// A Finnish personal identity code.
    FI_PERSONAL_IDENTITY_CODE,
    /// A French social security number (numéro de sécurité sociale, NIR).
    FR_NIR,
    /// An international bank account number, ISO 13616.
    IBAN_CODE,
    /// An Indian Aadhaar number.
    IN_AADHAAR,
    /// An Indian goods and services tax number.
    IN_GSTIN,
    /// An Indian rural employment job card number.
    IN_NREGA,
    /// An Indian permanent account number.
    IN_PAN,
    /// An Indian passport number.
    IN_PASSPORT,
    /// An Indian vehicle registration.
    IN_VEHICLE_REGISTRATION,
    /// An Indian voter identity card number.
    IN_VOTER,
    /// An IPv4 or IPv6 address.
    IP_ADDRESS,
    /// An Italian driving licence number.
    IT_DRIVER_LICENSE,
    /// An Italian fiscal code (codice fiscale).
    IT_FISCAL_CODE,
    /// An Italian identity card number.
    IT_IDENTITY_CARD,
    /// An Italian passport number.
    IT_PASSPORT,
    /// An Italian VAT number (partita IVA).
    IT_VAT_CODE,
    /// A Japanese individual number (My Number).
    JP_MY_NUMBER,
    /// A Korean business registration number.
    KR_BRN,
    /// A Korean driving licence number.
    KR_DRIVER_LICENSE,
    /// A Korean foreigner registration number.
    KR_FRN,
    /// A Korean passport number.
    KR_PASSPORT,
    /// A Korean resident registration number.
    KR_RRN,
    /// A place: a country, city, region, river, building.
    LOCATION,
    /// A hardware address, EUI-48.
    MAC_ADDRESS,
    /// A United States medical licence (DEA registration number).
    MEDICAL_LICENSE,
    /// The number of a patient's record.
    MEDICAL_RECORD_NUMBER,
    /// A Mexican population registry code (CURP).
    MX_CURP,
    /// A Nigerian national identification number.
    NG_NIN,
    /// A Nigerian vehicle registration.
    NG_VEHICLE_REGISTRATION,
    /// A Dutch citizen service number (burgerservicenummer).
    NL_BSN,
    /// A Norwegian national identity number (fødselsnummer).
    NO_FNR,
    /// A nationality, a religion, or a political group.
    NRP,
    /// A company, an institution, or another organisation.
    ORGANIZATION,
    /// A password, known by the words beside it.
    PASSWORD,
    /// A person's name.
    PERSON,
    /// A telephone number.
    PHONE_NUMBER,
    /// A Philippine mobile telephone number.
    PH_MOBILE_NUMBER,
    /// A Philippine taxpayer's number.
    PH_TIN,
    /// A personal identification number of a card or account.
    PIN,
    /// A Polish personal number (PESEL).
    PL_PESEL,
    /// A PEM or OpenSSH private-key block.
    PRIVATE_KEY,
    /// A Portuguese taxpayer's number.
    PT_NIF,
    /// A Russian taxpayer's number.
    RU_INN,
    /// A Russian pension insurance number.
    RU_SNILS,
    /// A Swedish organisation number.
    SE_ORGANISATIONSNUMMER,
    /// A Swedish personal identity number.
    SE_PERSONNUMMER,
    /// A Singaporean identity card or foreign identification number.
    SG_NRIC_FIN,
    /// A Singaporean unique entity number.
    SG_UEN,
    /// A postal address, or its street and house number.
    STREET_ADDRESS,
    /// Text that already looks like one of Privet's own stand-ins.
    SURROGATE,
    /// A business identifier code (BIC, SWIFT), ISO 9362.
    SWIFT_CODE,
    /// A term the policy lists as private.
    TERM,
    /// A Thai national identification number.
    TH_TNIN,
    /// A form of address, an academic title, or a job title.
    TITLE,
    /// A Turkish vehicle registration.
    TR_LICENSE_PLATE,
    /// A Turkish identification number (T.C. Kimlik No).
    TR_NATIONAL_ID,
    /// A Turkish telephone number.
    TR_PHONE_NUMBER,
    /// A British driving licence number.
    UK_DRIVING_LICENCE,
    /// A number of the British National Health Service.
    UK_NHS,
    /// A British national insurance number.
    UK_NINO,
    /// A British passport number.
    UK_PASSPORT,
    /// A British postcode.
    UK_POSTCODE,
    /// A British unique taxpayer reference.
    UK_UTR,
    /// A British vehicle registration.
    UK_VEHICLE_REGISTRATION,
    /// A web address.
    URL,
    /// A URL that carries credentials.
    URL_CREDENTIALS,
    /// The name of an account, known by the words beside it.
    USERNAME,
    /// A United States bank account number.
    US_BANK_NUMBER,
    /// A United States driving licence number.
    US_DRIVER_LICENSE,
    /// A United States individual taxpayer's number.
    US_ITIN,
    /// A United States Medicare beneficiary identifier.
    US_MBI,
    /// A United States national provider identifier.
    US_NPI,
    /// A United States passport number.
    US_PASSPORT,
    /// A United States social security number.
    US_SSN,
    /// A universally unique identifier, RFC 9562.
    UUID,
    /// A vehicle identification number, ISO 3779.
    VIN,
    /// A South African identity number.
    ZA_ID_NUMBER,
    /// A postcode.
    ZIP_CODE,
}

/// Kinds that users' own recognisers added, for the life of the process: names are kept, never values, and no more
/// than [`Entity::MOST_CUSTOM`].
static CUSTOM: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());

/// A kind that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadEntity {
    /// The name has another form than the names Privet knows.
    #[error(
        "a kind of data is named by 1 to 64 capitals, digits and `_`, a capital first, as in `EMPLOYEE_ID`"
    )]
    Name,
    /// There are too many already.
    #[error(
        "more than {} kinds of data of one's own; restart to drop those no longer used",
        Entity::MOST_CUSTOM
    )]
    TooMany,
}

impl Entity {
    /// Most kinds that users can add in one process.
    pub const MOST_CUSTOM: usize = 1024;
    /// Longest name of a kind, in bytes.
    pub const LONGEST_NAME: usize = 64;

    /// The kind named `name`, in capitals as listed: one that Privet knows or that [`Entity::custom`] added.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::known(name).or_else(|| {
            let custom = CUSTOM.read().unwrap_or_else(PoisonError::into_inner);
            custom.get(name).copied().map(Self)
        })
    }

    fn known(name: &str) -> Option<Self> {
        Self::ALL
            .binary_search_by(|e| e.0.cmp(name))
            .ok()
            .and_then(|i| Self::ALL.get(i).copied())
    }

    /// The kind named `name`, which is added if nobody has named it before. The name stays in memory for the life of
    /// the process.
    ///
    /// # Errors
    /// [`BadEntity::Name`] if `name` is not made of 1 to 64 capitals, digits and `_` with a capital first,
    /// [`BadEntity::TooMany`] if [`Self::MOST_CUSTOM`] kinds were added before.
    ///
    /// ```
    /// use privet_types::Entity;
    /// let badge = Entity::custom("EMPLOYEE_ID")?;
    /// assert_eq!(Entity::parse("EMPLOYEE_ID"), Some(badge));
    /// assert!(Entity::custom("employee id").is_err());
    /// # Ok::<(), privet_types::BadEntity>(())
    /// ```
    pub fn custom(name: &str) -> Result<Self, BadEntity> {
        if let Some(known) = Self::parse(name) {
            return Ok(known);
        }
        let is_inside = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !name.starts_with(|c: char| c.is_ascii_uppercase())
            || name.len() > Self::LONGEST_NAME
            || !name.bytes().all(is_inside)
        {
            return Err(BadEntity::Name);
        }
        let mut custom = CUSTOM.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = custom.get(name) {
            return Ok(Self(known));
        }
        if custom.len() >= Self::MOST_CUSTOM {
            return Err(BadEntity::TooMany);
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        custom.insert(kept);
        Ok(Self(kept))
    }

    /// Whether values of this kind describe many people or none (a country, a year, a company, a web page), so that by
    /// themselves they single out nobody. Policies that do not name such a kind let it pass.
    #[must_use]
    pub fn is_broad(self) -> bool {
        [
            Self::AGE,
            Self::DATE_TIME,
            Self::DE_HANDELSREGISTER,
            Self::DE_PLZ,
            Self::LOCATION,
            Self::NRP,
            Self::ORGANIZATION,
            Self::SWIFT_CODE,
            Self::TITLE,
            Self::UK_POSTCODE,
            Self::URL,
            Self::UUID,
            Self::ZIP_CODE,
        ]
        .contains(&self)
    }

    /// What it is, in one English sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        let index = Self::ALL.binary_search(&self).ok();
        let known = index.and_then(|i| Self::DESCRIPTIONS.get(i));
        known.map_or("A kind of one's own.", |text| text.trim())
    }

    /// The country whose authorities or businesses issue it, ISO 3166-1 alpha-2; none if it is not of one country.
    #[must_use]
    pub fn country(self) -> Option<&'static str> {
        match self {
            Self::ABA_ROUTING_NUMBER | Self::MEDICAL_LICENSE => return Some("US"),
            _ => {}
        }
        let prefix = self.0.split_once('_')?.0;
        match prefix {
            "UK" => Some("GB"),
            "AT" | "AU" | "BE" | "BR" | "CA" | "CH" | "CN" | "DE" | "DK" | "ES" | "FI" | "FR" | "IN"
            | "IT" | "JP" | "KR" | "MX" | "NG" | "NL" | "NO" | "PH" | "PL" | "PT" | "RU" | "SE" | "SG"
            | "TH" | "TR" | "US" | "ZA" => Some(prefix),
            _ => None,
        }
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

    #[test]
    fn every_entity_is_described_and_belongs_to_its_country() {
        for entity in Entity::ALL {
            let text = entity.description();
            assert!(text.ends_with('.') && !text.starts_with(' '), "{entity}");
            let is_coded = entity.name().split('_').next().is_some_and(|p| p.len() == 2)
                && *entity != Entity::IP_ADDRESS;
            assert!(!is_coded || entity.country().is_some(), "{entity}");
        }
        assert_eq!(Entity::UK_NHS.country(), Some("GB"));
        assert_eq!(Entity::ABA_ROUTING_NUMBER.country(), Some("US"));
        assert_eq!(Entity::IP_ADDRESS.country(), None);
        assert_eq!(
            Entity::PL_PESEL.description(),
            "A Polish personal number (PESEL)."
        );
    }

    #[test]
    fn a_kind_of_ones_own_is_the_same_whenever_it_is_named() {
        assert_eq!(Entity::parse("TEST_BADGE"), None);
        let badge = Entity::custom("TEST_BADGE").unwrap();
        assert_eq!(Entity::custom("TEST_BADGE"), Ok(badge));
        assert_eq!(Entity::parse("TEST_BADGE"), Some(badge));
        assert_eq!(Entity::custom("PERSON"), Ok(Entity::PERSON));
        for name in ["", "_A", "1A", "a", "A B", "Ä", &"A".repeat(65)] {
            assert_eq!(Entity::custom(name), Err(BadEntity::Name), "{name}");
        }
    }
}
