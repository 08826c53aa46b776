//! Where a database is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use privet_types::Secret;
use sqlx::postgres::PgConnectOptions;

use crate::Error;

/// Where a database is. `Display` never shows a password.
#[derive(Debug, Clone)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database (version 15 or newer).
    Postgres(PostgresUrl),
}

/// How to reach a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(super) url: Secret<String>,
    pub(super) owner: Option<Secret<String>>,
    shown: String,
}

impl Location {
    /// A PostgreSQL database. `url` (`postgres://user:password@host:port/database`) is what the server works with;
    /// `owner`, if given, is used to bring the schema up to date, and `url`'s user then needs no right to change it.
    /// Without it, `url`'s user owns the tables, and every connection gives that right up (`SET ROLE`).
    ///
    /// A server on another machine is spoken to over TLS and has to prove who it is, unless `sslmode` in the URL says
    /// otherwise; `sslrootcert` names a file with its authority.
    ///
    /// # Errors
    /// [`Error::BadLocation`] if one is no such URL.
    pub fn postgres(url: &str, owner: Option<&str>) -> Result<Self, Error> {
        let options = parse(url)?;
        if let Some(owner) = owner {
            parse(owner)?;
        }
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Ok(Self::Postgres(PostgresUrl {
            shown: format!(
                "postgres://{}:{}/{database}",
                options.get_host(),
                options.get_port()
            ),
            url: Secret::new(url.to_owned()),
            owner: owner.map(|owner| Secret::new(owner.to_owned())),
        }))
    }
}

fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options = is_postgres
        .then(|| PgConnectOptions::from_str(url).ok())
        .flatten();
    options.ok_or(Error::BadLocation)
}

impl FromStr for Location {
    type Err = Error;

    /// `postgres://…`, else the path of a SQLite file.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::postgres(text, None)
        } else {
            Ok(Self::Sqlite(PathBuf::from(text)))
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(&url.shown),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let location: Location = "postgres://ann:s3cret@db.example:6432/vault".parse().unwrap();
        assert_eq!(location.to_string(), "postgres://db.example:6432/vault");
        assert!(!format!("{location:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_postgres_url_is_a_file() {
        assert!(matches!(
            "privet-data/vault.sqlite".parse(),
            Ok(Location::Sqlite(_))
        ));
        assert!(Location::postgres("mysql://x/y", None).is_err());
    }
}
