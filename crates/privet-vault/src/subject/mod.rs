//! Personal records: one a person, under a key of its own, each field sealed by itself.

mod app;
mod bulk;
mod change;
mod container;
mod create;
pub(crate) mod find;
mod ground;
mod id;
mod index;
mod keys;
mod list;
mod normalise;
mod owner;
mod patch;
mod pseudonym;
mod read;
mod rebuild;
mod record;
mod row;
mod share;
pub(crate) mod state;

pub use app::AppData;
pub use bulk::{BulkRead, BulkState, Unlock};
pub use change::Stored;
pub use ground::{Ground, PermittedUse};
pub use id::{SubjectId, SubjectRef};
pub use index::Identifier;
pub use list::{Page, Search, SubjectInfo};
pub use normalise::ValueForm;
pub use read::{Subject, VersionInfo};
pub use rebuild::Rebuilt;
pub use record::Record;
pub use row::SubjectState;
pub use share::{NewShare, Share, Shared, Shown};
pub use state::DeletedRows;

pub(crate) use app::{app_name, check_name};
pub(crate) use change::signed;
pub(crate) use container::Place;
pub(crate) use create::Prepared;
pub(crate) use index::{INDEX_VERSION, TenantIndexes};
pub(crate) use keys::SubjectKeys as Keys;
pub(crate) use owner::Owner;
pub(crate) use read::timestamp;
pub(crate) use record::MOST_BYTES;
pub(crate) use row::{Found, SubjectRow, record_name};
pub(crate) use share::{millis, record_name as share_name};

pub(crate) mod sealed {
    //! Sealing and opening of records.
    pub(crate) use super::container::{headers, open, seal};
}
