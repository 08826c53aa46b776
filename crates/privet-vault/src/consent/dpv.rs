//! The terms of the W3C Data Privacy Vocabulary (DPV 2) that a purpose can name. Checked one by one against the
//! vocabulary's published list of purposes.

/// Where DPV's terms live.
pub const DPV: &str = "https://w3id.org/dpv#";

/// The purposes, ordered.
const PURPOSES: &[&str] = &[
    "AcademicResearch",
    "AccountManagement",
    "Advertising",
    "AgeVerification",
    "CommercialPurpose",
    "CommercialResearch",
    "CommunicationForCustomerCare",
    "CommunicationManagement",
    "CounterMoneyLaundering",
    "CreditChecking",
    "CustomerCare",
    "CustomerClaimsManagement",
    "CustomerManagement",
    "CustomerOrderManagement",
    "CustomerRelationshipManagement",
    "CustomerSolvencyMonitoring",
    "DataAltruism",
    "DeliveryOfGoods",
    "DirectMarketing",
    "DisputeManagement",
    "EnforceAccessControl",
    "EnforceSecurity",
    "EstablishContractualAgreement",
    "FraudPreventionAndDetection",
    "FulfilmentOfContractualObligation",
    "FulfilmentOfObligation",
    "HumanResourceManagement",
    "IdentityAuthentication",
    "IdentityVerification",
    "ImproveExistingProductsAndServices",
    "ImproveHealthcare",
    "ImproveInternalCRMProcesses",
    "Marketing",
    "Personalisation",
    "PersonalisedAdvertising",
    "PublicBenefit",
    "RecordManagement",
    "RepairImpairments",
    "RequestedServiceProvision",
    "ResearchAndDevelopment",
    "RightsFulfillment",
    "ScientificResearch",
    "SearchFunctionalities",
    "SellDataToThirdParties",
    "SellInsightsFromData",
    "SellProducts",
    "SellProductsToDataSubject",
    "ServiceOptimisation",
    "ServicePersonalisation",
    "ServiceProvision",
    "ServiceRegistration",
    "ServiceUsageAnalytics",
    "SocialMediaMarketing",
    "TargetedAdvertising",
    "TechnicalServiceProvision",
    "UserInterfacePersonalisation",
    "VendorManagement",
    "VendorPayment",
    "VendorRecordsManagement",
    "VendorSelectionAssessment",
    "Verification",
];

/// The purposes that are direct marketing in the sense of Art. 21(2): the subject's objection always holds.
const DIRECT_MARKETING: &[&str] = &[
    "DirectMarketing",
    "PersonalisedAdvertising",
    "TargetedAdvertising",
];

/// Whether `iri` is a purpose of DPV that Privet knows.
#[must_use]
pub fn is_purpose(iri: &str) -> bool {
    iri.strip_prefix(DPV)
        .is_some_and(|term| PURPOSES.binary_search(&term).is_ok())
}

/// Whether `iri` is a purpose that is direct marketing.
#[must_use]
pub fn is_direct_marketing(iri: &str) -> bool {
    iri.strip_prefix(DPV)
        .is_some_and(|term| DIRECT_MARKETING.contains(&term))
}

/// The IRIs of all purposes that Privet knows, ordered.
pub fn purposes() -> impl Iterator<Item = String> {
    PURPOSES.iter().map(|term| format!("{DPV}{term}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terms_are_ordered_so_that_each_is_found() {
        assert!(PURPOSES.is_sorted());
        assert!(purposes().all(|iri| is_purpose(&iri)));
        assert!(DIRECT_MARKETING.iter().all(|term| PURPOSES.contains(term)));
    }

    #[test]
    fn a_term_of_nobody_is_not_known() {
        assert!(!is_purpose("https://w3id.org/dpv#WorldDomination"));
        assert!(!is_purpose("ServiceProvision"));
        assert!(is_direct_marketing("https://w3id.org/dpv#DirectMarketing"));
    }
}
