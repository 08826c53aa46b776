//! Which connections to PostgreSQL are encrypted, and to whom.

use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::Error;

/// `options` with a mode that does not give way. On this machine nothing is encrypted unless `sslmode` asks for it. A server
/// on another one has to prove who it is: `sslmode` absent, `allow` and `prefer`, which take what a server on the way offers,
/// become `verify-full` there. `disable` and `require` are taken at their word.
pub(super) fn secured(options: PgConnectOptions) -> PgConnectOptions {
    let mode = match (options.get_ssl_mode(), is_here(&options)) {
        (PgSslMode::Allow | PgSslMode::Prefer, true) => PgSslMode::Disable,
        (PgSslMode::Allow | PgSslMode::Prefer, false) => PgSslMode::VerifyFull,
        (asked, _) => asked,
    };
    options.ssl_mode(mode)
}

/// Whether the server is on this machine, as far as its address says.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// That the files that `options` name can be read. The driver would say that the server is not there.
///
/// # Errors
/// [`Error::File`].
pub(super) fn check_files(options: &PgConnectOptions) -> Result<(), Error> {
    let url = options.to_url_lossy();
    let files = url
        .query_pairs()
        .filter(|(key, _)| ["sslrootcert", "sslcert", "sslkey"].contains(&key.as_ref()));
    for (_, input) in files {
        // The driver's own word for a file, in front of its path.
        let Some(path) = input.strip_prefix("file: ") else {
            continue;
        };
        let path = PathBuf::from(path);
        std::fs::File::open(&path)
            .map(|_| ())
            .map_err(Error::file(&path))?;
    }
    Ok(())
}

/// Whether `error` is one of TLS: the server does not offer it, or its certificate does not hold.
pub(super) fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        // What the handshake finds wrong comes as unusable data.
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn mode(url: &str) -> String {
        let options = PgConnectOptions::from_str(url).unwrap();
        format!("{:?}", secured(options).get_ssl_mode())
    }

    #[test]
    fn nothing_goes_to_another_machine_in_the_clear_unless_it_is_said() {
        for host in [
            "db.example",
            "10.0.0.7",
            "[2001:db8::7]",
            "localhost.example",
            "127.example",
        ] {
            for asked in ["", "?sslmode=allow", "?sslmode=prefer"] {
                let url = format!("postgres://ann@{host}/vault{asked}");
                assert_eq!(mode(&url), "VerifyFull", "{url}");
            }
            let url = format!("postgres://ann@{host}/vault");
            assert_eq!(mode(&format!("{url}?sslmode=disable")), "Disable");
            assert_eq!(mode(&format!("{url}?sslmode=require")), "Require");
            assert_eq!(mode(&format!("{url}?sslmode=verify-ca")), "VerifyCa");
        }
    }

    #[test]
    fn on_this_machine_tls_is_spoken_where_it_is_asked_for() {
        for host in ["127.0.0.1", "127.8.0.1", "[::1]", "localhost", "LOCALHOST"] {
            let url = format!("postgres://ann@{host}/vault");
            assert_eq!(mode(&url), "Disable", "{url}");
            assert_eq!(mode(&format!("{url}?sslmode=prefer")), "Disable");
            assert_eq!(mode(&format!("{url}?sslmode=verify-full")), "VerifyFull");
        }
        assert_eq!(mode("postgres:///vault?host=/run/postgresql"), "Disable");
    }

    #[test]
    fn a_host_of_the_query_counts() {
        assert_eq!(
            mode("postgres://ann@127.0.0.1/vault?host=db.example"),
            "VerifyFull"
        );
        assert_eq!(
            mode("postgres://ann@localhost/vault?hostaddr=10.0.0.7"),
            "VerifyFull"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let url = "postgres://ann@db.example/vault?sslrootcert=/no/such/ca.pem";
        let missing = check_files(&PgConnectOptions::from_str(url).unwrap()).unwrap_err();
        assert!(missing.to_string().contains("`/no/such/ca.pem`"), "{missing}");
    }
}
