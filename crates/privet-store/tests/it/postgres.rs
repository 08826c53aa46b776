//! A PostgreSQL database for a test, on the server that `PRIVET_TEST_POSTGRES` names.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use privet_store::Location;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A database of its own, dropped with it.
pub(crate) struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// A new, empty database; `None`, with a word on stderr, where no server is named. `PRIVET_REQUIRE_POSTGRES` forbids
    /// that, as CI does.
    pub(crate) async fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let mut name = format!("privet_test_{}", std::process::id());
        write!(name, "_{}", MADE.fetch_add(1, Ordering::Relaxed)).unwrap();
        let database = Self { server, name };
        database.run("CREATE DATABASE").await;
        Some(database)
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server.trim_end_matches('/'), self.name)
    }

    /// Where it is.
    pub(crate) fn location(&self) -> Location {
        self.url().parse().unwrap()
    }

    /// Drops it, and whoever is still connected.
    pub(crate) async fn drop(self) {
        self.run("DROP DATABASE IF EXISTS").await;
    }

    async fn run(&self, what: &str) {
        let mut server = PgConnection::connect(&format!("{}/postgres", self.server.trim_end_matches('/')))
            .await
            .unwrap();
        let force = if what.starts_with("DROP") {
            " WITH (FORCE)"
        } else {
            ""
        };
        server
            .execute(AssertSqlSafe(format!("{what} {}{force}", self.name)))
            .await
            .unwrap();
    }
}

/// The server that tests may use; `None`, with a word on stderr, where none is named. `PRIVET_REQUIRE_POSTGRES` forbids
/// that, as CI does.
#[expect(clippy::disallowed_methods, reason = "the rim of a test is its environment")]
pub(crate) fn server() -> Option<String> {
    let Ok(server) = std::env::var("PRIVET_TEST_POSTGRES") else {
        assert!(
            std::env::var_os("PRIVET_REQUIRE_POSTGRES").is_none(),
            "PRIVET_TEST_POSTGRES names no server, and skipping is not allowed here"
        );
        // Past the capture of passing tests, so that a run without PostgreSQL says so.
        std::io::Write::write_all(
            &mut std::io::stderr(),
            b"skipped on PostgreSQL: PRIVET_TEST_POSTGRES names no server\n",
        )
        .unwrap();
        return None;
    };
    Some(server)
}
