//! Privet's vault: personal records under keys of their own, consent that is enforced, retention, erasure that is final
//! and provable, and the requests of subjects.

mod archive;
mod audit;
mod backup;
mod calls;
mod check;
mod config;
mod consent;
mod erasure;
mod error;
mod followed;
mod import;
mod lineage;
mod measure;
mod own_token;
mod proposal;
mod receipt;
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
pub use calls::{CallEntry, CallPage, NewCall, Wrote};
pub use check::{CheckOutcome, CheckReport, Finding, FindingKind, NotChecked, OnChecked, Severity};
pub use config::{IndexConfig, PrefixConfig, VaultConfig};
pub use consent::{
    Activity, Agreement, AgreementRef, AgreementStatus, Ask, Consent, ConsentCompliance, ConsentConfig,
    ConsentEvent, ConsentReceipt, Controller, Definition, DefinitionKind, EVERY_PURPOSE, EventKind, GivenBy,
    KeyAnswer, KnownAgreement, LegalBasis, Processing, Purpose, RECEIPT_SCHEMA, Reason, ReceiptEvent,
    ReceiptNotice, ReceiptParty, ReceiptPurpose, ReceiptRecipient, ReceiptRetention, ReceiptSignature,
    Recipient, RecipientRole, SignedReceipt, SpecialCondition, Statement, SubjectKeys, SubjectPseudonym,
    Track, Transfer, Verdict, Versioned, dpv, evaluate, pseudonym, run_consent_watch, verify_receipt,
};
pub use erasure::{
    ErasurePlan, ErasureReason, ErasureReceipt, ErasureStatement, ForgetOutcome, NodeOutcome, Outcome,
};
pub use error::Error;
pub use import::{
    ImportFormat, ImportLimits, ImportLine, ImportOptions, ImportProgress, ImportReader, ImportReport,
    LineError,
};
pub use lineage::{Connected, Connector, Node, NodeKind, PgVector, PgVectorConfig, Reach, Registered};
pub use measure::{
    ColumnUse, FieldNeed, Fineness, Measures, Metric, RootProtection, Surroundings, column_use, wilson,
};
pub use own_token::{NewOwnToken, OwnCaller, OwnToken};
pub use proposal::{
    Approved, Opened, Proposal, ProposalKind, ProposalPage, ProposalStatus, Proposals, Proposed,
};
pub use receipt::{Receipt, ReceiptError};
pub use request::{
    Answer, Approval, Asked, Callback, CallbackState, CancelGround, CodeDelivery, CodeMessage, CodeSent,
    ConsentLine, DamagedCallback, Delivered, DueCallbacks, Extension, ExtensionReason, Held, IdentityHash,
    IdentityMethod, IdentityProof, NewRequest, NewRequestBody, OPEN_DSR_VERSION, Request, RequestConfig,
    RequestKind, RequestOutcome, RequestQuery, RequestReceipt, RequestStatement, RequestStatus, RequestStep,
    Requests, SignedHeaders, SubjectPackage, SubjectReport, as_written,
};
pub use retention::{
    ActiveHold, ExpiryState, ExpiryStatus, Hold, Policies, Retention, RetentionPolicy, RetentionReport,
    RetentionRow, RetentionTarget, STORE_TARGETS, SweepReport, SweptRows, TargetSurface, TargetTime,
};
pub use session::{NewSession, Session, SessionMark, Swept};
pub use subject::{
    AppData, BulkRead, BulkState, Counts, Ground, Identifier, IndexRotation, Lifetime, NewShare, NewSubjects,
    NewView, Page, PermittedUse, Rebuilt, Record, RecordChange, Search, Share, Shared, Shown, Source, Stored,
    Subject, SubjectId, SubjectInfo, SubjectRef, SubjectState, Unlock, ValueForm, VersionInfo, Viewed,
};
pub use token::{NewToken, Substitute, Token, TokenForm, TokenValue};
pub use vault::{Actor, ErasedList, Vault};
