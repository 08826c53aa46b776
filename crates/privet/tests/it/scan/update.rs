//! `privet scan update`: the index of known holes, from files and from the web.

use std::sync::Arc;

use privet_testkit::{Answer, RawProvider, TlsFront, chunk};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Place;
use crate::cli::{err, out};

/// An advisory for versions of `name` below 2.0.
fn advisory(id: &str, name: &str) -> String {
    json!({
        "id": id, "modified": "2026-11-01T00:00:00Z", "summary": "a made-up hole",
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": name },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "2.0" }] }],
        }],
    })
    .to_string()
}

fn with_requirements() -> Place {
    let place = Place::new();
    place.write("requirements.txt", "holey==1.5\nmended==2.0\n");
    place
}

/// Ids of the holes that a scan finds.
fn holes(place: &Place, code: i32) -> Vec<String> {
    let found = place.found(&["requirements.txt"], code);
    found.into_iter().map(|(_, rule)| rule).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let hash = privet_crypto::sha256(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON Lines of two advisories.
fn lines() -> String {
    format!(
        "{}\n{}\n",
        advisory("PYSEC-2026-1", "holey"),
        advisory("PYSEC-2026-2", "mended")
    )
}

#[test]
fn a_folder_of_advisories_becomes_an_index_that_scans_look_up() {
    let place = with_requirements();
    assert!(holes(&place, 0).is_empty());
    place.write("osv/a/PYSEC-2026-1.json", advisory("PYSEC-2026-1", "holey"));
    place.write("osv/b/PYSEC-2026-2.json", advisory("PYSEC-2026-2", "mended"));
    place.write("osv/README.md", "not an advisory");
    let output = place.scan(&["update", "--from", "osv"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("2 advisories"), "{}", err(&output));
    assert!(place.home().join(".local/share/privet/advisories.osv").is_file());
    assert_eq!(holes(&place, 1), ["PYSEC-2026-1"]);
    // Another index, which the settings name.
    place.write("one.jsonl", advisory("PYSEC-2026-3", "holey"));
    place.ended(&["update", "--from", "one.jsonl", "--out", "office.osv"], 0);
    place.write("privet.toml", "[scan.advisories]\nindex = \"office.osv\"\n");
    assert_eq!(holes(&place, 1), ["PYSEC-2026-3"]);
    place.write("office.osv", "damaged");
    place.ended(&["requirements.txt"], 2);
}

#[test]
fn an_index_that_is_too_old_is_told() {
    let place = with_requirements();
    let old = advisory("PYSEC-2020-1", "holey").replace("2026-11-01", "2020-11-01");
    place.write("old.jsonl", old);
    place.ended(&["update", "--from", "old.jsonl"], 0);
    let report = place.report(&["requirements.txt"], 1);
    assert_eq!(
        (&report["advisories"]["is_stale"], &report["advisories"]["date"]),
        (&json!(true), &json!("2020-11-01"))
    );
    assert!(report["warnings"].to_string().contains("out of date"));
}

#[test]
fn what_holds_no_advisories_makes_no_index() {
    let place = with_requirements();
    std::fs::create_dir(place.work().join("empty")).expect("a folder");
    place.write("other.jsonl", "{\"a\": 1}\n");
    place.write("no.zip", "PK\x03\x04");
    for from in ["empty", "missing", "other.jsonl", "no.zip"] {
        place.ended(&["update", "--from", from], 2);
    }
    assert!(!place.home().join(".local/share/privet/advisories.osv").exists());
}

/// A server on this machine, and the runtime that it lives in.
fn server(script: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (Runtime, RawProvider) {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(RawProvider::start(move |request| {
        Answer::Bytes(script(&request.path))
    }));
    (runtime, server)
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn advisories_are_downloaded_and_their_hash_is_told_and_kept() {
    let place = with_requirements();
    let (_runtime, server) = server(|path| match path {
        "/osv/all.jsonl" => reply("200 OK", "", lines().as_bytes()),
        "/moved" => reply("302 Found", "location: /osv/all.jsonl\r\n", b""),
        _ => reply("404 Not Found", "", b""),
    });
    let base = format!("http://{}", server.address());
    let hash = sha256(lines().as_bytes());
    for path in ["/osv/all.jsonl", "/moved"] {
        let from = format!("http://ann:pass@{}{path}", server.address());
        let output = place.scan(&["update", "--from", &from]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(err(&output).contains(&hash), "{}", err(&output));
        let report = place.report(&["requirements.txt"], 1);
        let told = &report["advisories"];
        assert_eq!(
            (&told["source"], &told["date"], &told["hash"]),
            (
                &json!(format!("{base}{path}")),
                &json!("2026-11-01"),
                &json!(hash)
            )
        );
        assert!(!report.to_string().contains("pass@"));
    }
    // Name and password went to the host that they are for.
    let asked = server.requests();
    let sent = asked
        .iter()
        .filter(|request| request.headers.iter().any(|(name, _)| name == "authorization"));
    assert_eq!(sent.count(), 3);
}

#[test]
fn a_download_that_fails_leaves_the_index_as_it_was_and_says_the_way_out() {
    let place = with_requirements();
    let (_runtime, server) = server(|path| match path {
        "/good.jsonl" => reply("200 OK", "", lines().as_bytes()),
        "/elsewhere" => reply("302 Found", "location: http://osv.example.org/all.zip\r\n", b""),
        "/file" => reply("302 Found", "location: file:///etc/passwd\r\n", b""),
        "/loop" => reply("302 Found", "location: /loop\r\n", b""),
        "/page" => reply("200 OK", "", b"<html>Sign in</html>"),
        "/cut" => b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"id\":".to_vec(),
        "/claims" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n".to_vec(),
        "/long" => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            let piece = chunk(&[b' '; 1 << 16]);
            [head, piece.repeat(20), chunk(b"")].concat()
        }
        _ => reply("404 Not Found", "", b""),
    });
    let address = |path: &str| format!("http://{}{path}", server.address());
    place.ended(&["update", "--from", &address("/good.jsonl")], 0);
    let index = place.home().join(".local/share/privet/advisories.osv");
    let before = std::fs::read(&index).expect("the index");
    for (path, why) in [
        ("/missing", "404"),
        ("/elsewhere", "not protected"),
        ("/file", "cannot be followed"),
        ("/loop", "on and on"),
        ("/page", "cannot read"),
        ("/cut", "broke off"),
        ("/claims", "larger than"),
        ("/long", "larger than 1048576 bytes"),
    ] {
        let output = place.scan(&["update", "--max-mib", "1", "--from", &address(path)]);
        assert_eq!(output.status.code(), Some(2), "{path}: {}", out(&output));
        assert!(err(&output).contains(why), "{path}: {}", err(&output));
        assert!(std::fs::read(&index).expect("the index") == before, "{path}");
    }
    for (from, why) in [
        ("http://osv.example.org/all.zip", "https://"),
        ("ftp://127.0.0.1/all.zip", "address"),
        ("http://127.0.0.1:9/all.zip", "--from"),
    ] {
        let output = place.scan(&["update", "--from", from]);
        assert_eq!(output.status.code(), Some(2), "{from}");
        assert!(err(&output).contains(why), "{from}: {}", err(&output));
    }
    let left = std::fs::read_dir(index.parent().expect("a folder")).expect("a folder");
    let names: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().starts_with(".privet-")),
        "{names:?}"
    );
}

#[test]
fn the_certificate_of_the_server_has_to_be_of_somebody_who_is_trusted() {
    let place = with_requirements();
    let body = Arc::new(lines());
    let (runtime, server) = server(move |_| reply("200 OK", "", body.as_bytes()));
    let front = runtime.block_on(TlsFront::start(server.address()));
    place.write("ca.pem", front.ca_pem());
    let from = format!("https://{}/all.jsonl", front.address());
    let output = place.scan(&["update", "--from", &from]);
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains("cannot be reached"), "{}", err(&output));
    assert!(server.requests().is_empty());
    place.ended(&["update", "--from", &from, "--ca-file", "ca.pem"], 0);
    let report: Value = place.report(&["requirements.txt"], 1);
    assert_eq!(report["advisories"]["source"], json!(from));
}
