//! Privet's vault: personal records under keys of their own, consent that is enforced, retention, erasure that is final
//! and provable, and the requests of subjects.

mod archive;
mod backup;
mod check;
mod consent;
mod erasure;
mod error;
mod import;
mod lineage;
mod measure;
mod request;
mod retention;
mod session;
mod subject;
mod token;
mod vault;

pub use consent::{
    Activity, Agreement, AgreementRef, AgreementStatus, Ask, Consent, ConsentCompliance, ConsentConfig,
    ConsentEvent, ConsentReceipt, Controller, Definition, DefinitionKind, EVERY_PURPOSE, EventKind, GivenBy,
    KeyAnswer, LegalBasis, Processing, Purpose, RECEIPT_SCHEMA, Reason, ReceiptError, ReceiptEvent,
    ReceiptNotice, ReceiptParty, ReceiptPurpose, ReceiptRecipient, ReceiptSignature, Recipient,
    RecipientRole, SignedReceipt, SpecialCondition, Statement, SubjectKeys, SubjectPseudonym, Track,
    Transfer, Verdict, Versioned, dpv, evaluate, pseudonym, run_consent_watch, verify_receipt,
};
pub use error::Error;
pub use measure::wilson;
pub use retention::{
    ActiveHold, ExpiryState, ExpiryStatus, Hold, Policies, Retention, RetentionPolicy, RetentionReport,
    RetentionRow, RetentionTarget, SweepReport, Swept, TargetSurface, TargetTime,
};
pub use vault::Actor;
