//! Personal records: one a person, under a key of its own, each field sealed by itself.

mod app;
mod app_version;
pub(crate) mod belongings;
mod bulk;
mod bulk_subjects;
mod change;
mod container;
mod create;
pub(crate) mod find;
mod ground;
mod id;
mod index;
mod keys;
mod lifetime;
mod list;
mod normalise;
mod operations;
mod owner;
mod patch;
mod pseudonym;
mod read;
mod rebuild;
mod record;
mod row;
mod share;
mod share_view;
mod state;
mod stats;

pub use app::AppData;
pub use bulk::{BulkRead, BulkState, Unlock};
pub use change::Stored;
pub use create::NewSubjects;
pub use ground::{Ground, PermittedUse};
pub use id::{SubjectId, SubjectRef};
pub use index::Identifier;
pub use lifetime::Lifetime;
pub use list::{Page, Search, SubjectInfo};
pub use normalise::ValueForm;
pub use operations::RecordChange;
pub use read::{Subject, VersionInfo};
pub use rebuild::{IndexRotation, Rebuilt};
pub use record::Record;
pub use row::SubjectState;
pub use share::{NewShare, Share, Shared, Shown};
pub use share_view::{NewView, Source, Viewed};
pub use stats::Counts;

pub(crate) use app::{app_name, check_name};
pub(crate) use change::signed;
pub(crate) use container::Place;
pub(crate) use create::Prepared;
pub(crate) use index::{Entry, TenantIndexes};
pub(crate) use keys::SubjectKeys as Keys;
pub(crate) use lifetime::slid;
pub(crate) use owner::Owner;
pub(crate) use read::timestamp;
pub(crate) use record::MOST_BYTES;
pub(crate) use row::{Found, SubjectRow, record_name};
pub(crate) use share::{millis, record_name as share_name};

pub(crate) mod sealed {
    //! Sealing and opening of records.
    pub(crate) use super::container::{headers, open, seal};
}
