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
    Activity, Agreement, AgreementRef, AgreementStatus, Ask, Consent, ConsentConfig, ConsentEvent,
    Controller, Definition, DefinitionKind, EVERY_PURPOSE, EventKind, GivenBy, KeyAnswer, LegalBasis,
    Purpose, Reason, Recipient, RecipientRole, SpecialCondition, Statement, SubjectKeys, SubjectPseudonym,
    Track, Transfer, Verdict, Versioned, dpv, evaluate, pseudonym, run_consent_watch,
};
pub use error::Error;
pub use vault::Actor;
