//! Privet's vault: personal records under keys of their own, consent that is enforced, retention, erasure that is final
//! and provable, and the requests of subjects.

mod archive;
mod audit;
mod backup;
mod check;
mod config;
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

pub use archive::{
    ARCHIVE_TARGETS, ArchiveConfig, ArchivePage, ArchiveQuery, Archived, NewConversation, NewReplyMap,
    ReplyMap, SweptArchive,
};
pub use audit::{Access, AccessResult, Audited, Operation, SubjectChange};
pub use check::{CheckOutcome, CheckReport, Finding, FindingKind, NotChecked, OnChecked, Severity};
pub use config::{IndexConfig, PrefixConfig, VaultConfig};
pub use consent::{
    Activity, Agreement, AgreementRef, AgreementStatus, Ask, Consent, ConsentCompliance, ConsentConfig,
    ConsentEvent, ConsentReceipt, Controller, Definition, DefinitionKind, EVERY_PURPOSE, EventKind, GivenBy,
    KeyAnswer, LegalBasis, Processing, Purpose, RECEIPT_SCHEMA, Reason, ReceiptError, ReceiptEvent,
    ReceiptNotice, ReceiptParty, ReceiptPurpose, ReceiptRecipient, ReceiptSignature, Recipient,
    RecipientRole, SignedReceipt, SpecialCondition, Statement, SubjectKeys, SubjectPseudonym, Track,
    Transfer, Verdict, Versioned, dpv, evaluate, pseudonym, run_consent_watch, verify_receipt,
};
pub use erasure::{
    ErasurePlan, ErasureReason, ErasureReceipt, ErasureStatement, ForgetOutcome, NodeOutcome, Outcome,
};
pub use error::Error;
pub use import::{ImportFormat, ImportOptions, ImportProgress, ImportReport, LineError};
pub use lineage::{Connected, Connector, Node, NodeKind, PgVector, PgVectorConfig, Reach, Registered};
pub use measure::{
    ColumnUse, FieldNeed, Fineness, Measures, Metric, RootProtection, Surroundings, column_use, wilson,
};
pub use request::{
    Answer, Approval, Callback, CancelGround, CodeDelivery, CodeMessage, CodeSent, ConsentLine, Delivered,
    Extension, ExtensionReason, Held, IdentityHash, IdentityMethod, IdentityProof, NewRequest,
    OPEN_DSR_VERSION, Request, RequestConfig, RequestKind, RequestOutcome, RequestReceipt, RequestStatement,
    RequestStatus, RequestStep, Requests, SubjectPackage,
};
pub use retention::{
    ActiveHold, ExpiryState, ExpiryStatus, Hold, Policies, Retention, RetentionPolicy, RetentionReport,
    RetentionRow, RetentionTarget, STORE_TARGETS, SweepReport, SweptRows, TargetSurface, TargetTime,
};
pub use session::{NewSession, Session, Swept};
pub use subject::{
    AppData, BulkRead, BulkState, DeletedRows, Ground, Identifier, NewShare, Page, PermittedUse, Rebuilt,
    Record, Search, Share, Shared, Shown, Stored, Subject, SubjectId, SubjectInfo, SubjectRef, SubjectState,
    Unlock, ValueForm, VersionInfo,
};
pub use token::{NewToken, Token, TokenForm, TokenValue};
pub use vault::{Actor, ErasedList, Vault};
