//! Personal records: one a person, under a key of its own, each field sealed by itself.

mod app;
mod change;
mod container;
mod create;
mod find;
mod ground;
mod id;
mod index;
mod keys;
mod list;
mod normalise;
mod patch;
mod read;
mod record;
mod row;
mod state;

pub use app::AppData;
pub use change::Stored;
pub use ground::{Ground, PermittedUse};
pub use id::{SubjectId, SubjectRef};
pub use index::Identifier;
pub use list::{Page, Search, SubjectInfo};
pub use normalise::ValueForm;
pub use read::{Subject, VersionInfo};
pub use record::Record;
pub use row::SubjectState;
pub use state::DeletedRows;

pub(crate) use container::Place;
pub(crate) use index::TenantIndexes;
pub(crate) use keys::SubjectKeys;
pub(crate) use row::{Found, SubjectRow};
pub(crate) mod sealed {
    //! Sealing and opening of records.
    pub(crate) use super::container::{open, open_fields, seal};
}
