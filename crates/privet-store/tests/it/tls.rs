//! TLS to PostgreSQL, with a server whose certificate an authority of the test's own has signed.

use std::path::PathBuf;

use data_encoding::BASE64;
use privet_store::{Database, Error, Location, Scope, Store, values};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::cluster::Cluster;
use crate::support::root_key;

/// A server that speaks TLS as 127.0.0.1, and the file with its authority's certificate.
fn server() -> Option<(Cluster, tempfile::TempDir, PathBuf)> {
    let cluster = Cluster::start()?;
    let (authority, certificate, key) = certificates();
    cluster.give_certificate(&certificate, &key);
    cluster.stop_immediately();
    cluster.boot();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, authority).unwrap();
    Some((cluster, dir, file))
}

/// An authority's certificate, one for 127.0.0.1 that it signed, and the key of that one; PEM.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &authority))
        .unwrap();
    (
        pem("CERTIFICATE", authority.der()),
        pem("CERTIFICATE", certificate.der()),
        pem("PRIVATE KEY", &key.serialize_der()),
    )
}

/// As RFC 7468 writes it.
fn pem(what: &str, der: &[u8]) -> String {
    let lines = der.chunks(48).map(|line| BASE64.encode(line) + "\n");
    let body: String = lines.collect();
    format!("-----BEGIN {what}-----\n{body}-----END {what}-----\n")
}

fn url(host: &str, cluster: &Cluster, query: &str) -> String {
    format!("postgres://postgres@{host}:{}/postgres{query}", cluster.port())
}

async fn open(url: &str) -> Result<Store, Error> {
    Store::open(url.parse::<Location>().unwrap(), &root_key()).await
}

/// How many connections of Privet's are encrypted, as the server's owner sees it over a plain one.
async fn encrypted(cluster: &Cluster) -> i64 {
    let observer = Database::attach(&url("127.0.0.1", cluster, "").parse().unwrap()).unwrap();
    let encrypted = observer
        .read::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move {
                tx.one(
                    "SELECT COUNT(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                     WHERE a.application_name LIKE 'privet%' AND s.ssl",
                    values![],
                )
                .await
            })
        })
        .await
        .unwrap();
    observer.close().await;
    encrypted
}

/// Asks something, so that there is a connection.
async fn ask(database: &Database) {
    let answer = database
        .read::<_, Error, _>(&Scope::Installation, |tx| {
            Box::pin(async move { tx.one::<i64>("SELECT COUNT(*) FROM pg_class", values![]).await })
        })
        .await;
    assert!(answer.unwrap() > 0);
}

#[tokio::test]
async fn a_server_that_proves_who_it_is_is_spoken_to_over_tls() {
    let Some((cluster, _dir, authority)) = server() else {
        return;
    };
    let query = format!("?sslmode=verify-full&sslrootcert={}", authority.display());
    let store = open(&url("127.0.0.1", &cluster, &query)).await.unwrap();
    ask(store.database()).await;
    assert!(encrypted(&cluster).await > 0);
    store.close().await;
    let plain = open(&url("127.0.0.1", &cluster, "")).await.unwrap();
    ask(plain.database()).await;
    assert_eq!(
        encrypted(&cluster).await,
        0,
        "on this machine nothing asks for it"
    );
    plain.close().await;
    let location = url("127.0.0.1", &cluster, &query).parse().unwrap();
    let outside = Database::attach(&location).unwrap();
    ask(&outside).await;
    assert!(encrypted(&cluster).await > 0, "an outside store, too");
    outside.close().await;
}

#[tokio::test]
async fn a_server_that_cannot_prove_it_is_refused() {
    let Some((cluster, dir, authority)) = server() else {
        return;
    };
    let other = dir.path().join("other.pem");
    std::fs::write(&other, certificates().0).unwrap();
    let of_authority = |file: &PathBuf| format!("?sslmode=verify-full&sslrootcert={}", file.display());
    let attempts = [
        ("127.0.0.1", "?sslmode=verify-full".to_owned()),
        ("127.0.0.1", of_authority(&other)),
        ("localhost", of_authority(&authority)),
    ];
    for (host, query) in attempts {
        let refused = open(&url(host, &cluster, &query)).await;
        assert!(
            matches!(refused, Err(Error::NoTls { .. })),
            "{host} {query}: {refused:?}"
        );
    }
    let missing = of_authority(&dir.path().join("none.pem"));
    let refused = open(&url("127.0.0.1", &cluster, &missing)).await;
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
}

#[tokio::test]
async fn where_tls_is_asked_for_and_not_offered_nothing_is_sent() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = open(&url("127.0.0.1", &cluster, &format!("?sslmode={mode}"))).await;
        assert!(matches!(refused, Err(Error::NoTls { .. })), "{mode}: {refused:?}");
    }
    open(&url("127.0.0.1", &cluster, "?sslmode=disable"))
        .await
        .unwrap()
        .close()
        .await;
}
