//! Presidio's recogniser classes and the kinds they stand for.

use privet_types::Entity;

/// Presidio's classes whose kinds Privet finds, sorted by name. Those of language models stand for the kinds that they
/// report by default.
const CLASSES: &[(&str, &[Entity])] = &[
    ("AbaRoutingRecognizer", &[Entity::ABA_ROUTING_NUMBER]),
    ("AuAbnRecognizer", &[Entity::AU_ABN]),
    ("AuAcnRecognizer", &[Entity::AU_ACN]),
    ("AuMedicareRecognizer", &[Entity::AU_MEDICARE]),
    ("AuTfnRecognizer", &[Entity::AU_TFN]),
    ("CaSinRecognizer", &[Entity::CA_SIN]),
    ("CreditCardRecognizer", &[Entity::CREDIT_CARD]),
    ("CryptoRecognizer", &[Entity::CRYPTO]),
    ("DateRecognizer", &[Entity::DATE_TIME]),
    ("DeBsnrRecognizer", &[Entity::DE_BSNR]),
    ("DeFuehrerscheinRecognizer", &[Entity::DE_FUEHRERSCHEIN]),
    ("DeHandelsregisterRecognizer", &[Entity::DE_HANDELSREGISTER]),
    ("DeHealthInsuranceRecognizer", &[Entity::DE_HEALTH_INSURANCE]),
    ("DeIdCardRecognizer", &[Entity::DE_ID_CARD]),
    ("DeKfzRecognizer", &[Entity::DE_KFZ]),
    ("DeLanrRecognizer", &[Entity::DE_LANR]),
    ("DePassportRecognizer", &[Entity::DE_PASSPORT]),
    ("DePlzRecognizer", &[Entity::DE_PLZ]),
    ("DeSocialSecurityRecognizer", &[Entity::DE_SOCIAL_SECURITY]),
    ("DeTaxIdRecognizer", &[Entity::DE_TAX_ID]),
    ("DeTaxNumberRecognizer", &[Entity::DE_TAX_NUMBER]),
    ("DeVatIdRecognizer", &[Entity::DE_VAT_ID]),
    ("EmailRecognizer", &[Entity::EMAIL_ADDRESS]),
    ("EsNieRecognizer", &[Entity::ES_NIE]),
    ("EsNifRecognizer", &[Entity::ES_NIF]),
    ("EsPassportRecognizer", &[Entity::ES_PASSPORT]),
    (
        "FiPersonalIdentityCodeRecognizer",
        &[Entity::FI_PERSONAL_IDENTITY_CODE],
    ),
    (
        "GLiNERRecognizer",
        &[
            Entity::DATE_TIME,
            Entity::LOCATION,
            Entity::NRP,
            Entity::ORGANIZATION,
            Entity::PERSON,
        ],
    ),
    (
        "HuggingFaceNerRecognizer",
        &[
            Entity::DATE_TIME,
            Entity::LOCATION,
            Entity::NRP,
            Entity::ORGANIZATION,
            Entity::PERSON,
        ],
    ),
    ("IbanRecognizer", &[Entity::IBAN_CODE]),
    ("InAadhaarRecognizer", &[Entity::IN_AADHAAR]),
    ("InGstinRecognizer", &[Entity::IN_GSTIN]),
    ("InPanRecognizer", &[Entity::IN_PAN]),
    ("InPassportRecognizer", &[Entity::IN_PASSPORT]),
    (
        "InVehicleRegistrationRecognizer",
        &[Entity::IN_VEHICLE_REGISTRATION],
    ),
    ("InVoterRecognizer", &[Entity::IN_VOTER]),
    ("IpRecognizer", &[Entity::IP_ADDRESS]),
    ("ItDriverLicenseRecognizer", &[Entity::IT_DRIVER_LICENSE]),
    ("ItFiscalCodeRecognizer", &[Entity::IT_FISCAL_CODE]),
    ("ItIdentityCardRecognizer", &[Entity::IT_IDENTITY_CARD]),
    ("ItPassportRecognizer", &[Entity::IT_PASSPORT]),
    ("ItVatCodeRecognizer", &[Entity::IT_VAT_CODE]),
    ("KrBrnRecognizer", &[Entity::KR_BRN]),
    ("KrDriverLicenseRecognizer", &[Entity::KR_DRIVER_LICENSE]),
    ("KrFrnRecognizer", &[Entity::KR_FRN]),
    ("KrPassportRecognizer", &[Entity::KR_PASSPORT]),
    ("KrRrnRecognizer", &[Entity::KR_RRN]),
    ("MacAddressRecognizer", &[Entity::MAC_ADDRESS]),
    ("MedicalLicenseRecognizer", &[Entity::MEDICAL_LICENSE]),
    ("NgNinRecognizer", &[Entity::NG_NIN]),
    (
        "NgVehicleRegistrationRecognizer",
        &[Entity::NG_VEHICLE_REGISTRATION],
    ),
    ("NhsRecognizer", &[Entity::UK_NHS]),
    ("PhTinRecognizer", &[Entity::PH_TIN]),
    ("PhoneRecognizer", &[Entity::PHONE_NUMBER]),
    ("PlPeselRecognizer", &[Entity::PL_PESEL]),
    (
        "SeOrganisationsnummerRecognizer",
        &[Entity::SE_ORGANISATIONSNUMMER],
    ),
    ("SePersonnummerRecognizer", &[Entity::SE_PERSONNUMMER]),
    ("SgFinRecognizer", &[Entity::SG_NRIC_FIN]),
    ("SgUenRecognizer", &[Entity::SG_UEN]),
    (
        "SpacyRecognizer",
        &[
            Entity::DATE_TIME,
            Entity::LOCATION,
            Entity::NRP,
            Entity::ORGANIZATION,
            Entity::PERSON,
        ],
    ),
    (
        "StanzaRecognizer",
        &[
            Entity::DATE_TIME,
            Entity::LOCATION,
            Entity::NRP,
            Entity::ORGANIZATION,
            Entity::PERSON,
        ],
    ),
    ("ThTninRecognizer", &[Entity::TH_TNIN]),
    ("TrLicensePlateRecognizer", &[Entity::TR_LICENSE_PLATE]),
    ("TrNationalIdRecognizer", &[Entity::TR_NATIONAL_ID]),
    (
        "TransformersRecognizer",
        &[
            Entity::DATE_TIME,
            Entity::LOCATION,
            Entity::NRP,
            Entity::ORGANIZATION,
            Entity::PERSON,
        ],
    ),
    ("UkDrivingLicenceRecognizer", &[Entity::UK_DRIVING_LICENCE]),
    ("UkNinoRecognizer", &[Entity::UK_NINO]),
    ("UkPassportRecognizer", &[Entity::UK_PASSPORT]),
    ("UkPostcodeRecognizer", &[Entity::UK_POSTCODE]),
    (
        "UkVehicleRegistrationRecognizer",
        &[Entity::UK_VEHICLE_REGISTRATION],
    ),
    ("UrlRecognizer", &[Entity::URL]),
    ("UsBankRecognizer", &[Entity::US_BANK_NUMBER]),
    ("UsItinRecognizer", &[Entity::US_ITIN]),
    ("UsLicenseRecognizer", &[Entity::US_DRIVER_LICENSE]),
    ("UsMbiRecognizer", &[Entity::US_MBI]),
    ("UsNpiRecognizer", &[Entity::US_NPI]),
    ("UsPassportRecognizer", &[Entity::US_PASSPORT]),
    ("UsSsnRecognizer", &[Entity::US_SSN]),
    ("UuidRecognizer", &[Entity::UUID]),
    ("ZaIdNumberRecognizer", &[Entity::ZA_ID_NUMBER]),
];

/// Classes that stand for a language model, not for rules.
const MODELS: &[&str] = &[
    "GLiNERRecognizer",
    "HuggingFaceNerRecognizer",
    "StanzaRecognizer",
    "TransformersRecognizer",
];

/// The kinds that Presidio's recogniser `class` reports and Privet finds; none if Privet has no such kind.
#[must_use]
pub fn entities_of(class: &str) -> Option<&'static [Entity]> {
    let at = CLASSES.binary_search_by_key(&class, |(name, _)| name).ok()?;
    CLASSES.get(at).map(|(_, entities)| *entities)
}

/// The name of Presidio's recogniser class for `entity`; none for a kind that Presidio has not.
#[must_use]
pub fn class_of(entity: Entity) -> Option<&'static str> {
    classes().find(|class| entities_of(class).is_some_and(|entities| entities.contains(&entity)))
}

/// The classes with rules or a model behind them, one for each, sorted by name.
pub fn classes() -> impl Iterator<Item = &'static str> {
    CLASSES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !MODELS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_and_lead_to_their_kinds_and_back() {
        assert!(CLASSES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(entities_of("NhsRecognizer"), Some(&[Entity::UK_NHS][..]));
        assert_eq!(entities_of("NoSuchRecognizer"), None);
        assert_eq!(class_of(Entity::CREDIT_CARD), Some("CreditCardRecognizer"));
        assert_eq!(class_of(Entity::PERSON), Some("SpacyRecognizer"));
        assert_eq!(class_of(Entity::FR_NIR), None);
    }
}
