//! One way to two databases: SQLite inside the process, PostgreSQL by connection.
//!
//! [`Database`] opens one, brings its schema up to date and runs work in transactions. Everything above it writes its
//! statements once, for both.

mod database;
mod link;
mod location;
mod migrate;
mod postgres;
mod sqlite;
mod status;
mod tls;
mod tx;
mod value;
mod writer;

pub use database::{Database, Scope};
pub use link::LinkSecurity;
pub use location::{Location, PostgresUrl};
pub use migrate::Schema;
pub(crate) use migrate::still_fits;
pub(crate) use status::schema_status;
pub use status::{SchemaStatus, Standing};
pub use tx::{Backend, Tx, Work};
pub use value::{FromRow, FromValue, Row, Value, ValueKind};
