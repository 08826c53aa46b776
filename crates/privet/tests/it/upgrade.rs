//! Nodes of two versions on one database, as processes, under load: the step of a version to come is done by the test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use privet_testkit::{Answered, Load};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tempfile::TempDir;

use crate::cli::{Serving, err, fine, folder, out, run, runtime};
use crate::nodes::{PATIENCE, Site, ready, share, until};

const CALLERS: usize = 6;
const PAUSE: Duration = Duration::from_millis(20);

/// What `privet store status` says of the store.
fn status(folder: &TempDir) -> (Option<i32>, Value) {
    let told = run(folder, &["store", "status", "--format", "jsonl"]);
    let line = out(&told);
    let line = line.lines().next().unwrap_or_else(|| panic!("{}", err(&told)));
    (told.status.code(), serde_json::from_str(line).expect("JSON"))
}

/// Runs statements as the owner of the database.
async fn raw(site_url: &str, sql: &str) {
    let mut bare = PgConnection::connect(site_url).await.unwrap();
    bare.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))
        .await
        .unwrap();
}

/// How often each request stands in the audit events.
async fn events(site_url: &str) -> BTreeMap<String, usize> {
    let mut bare = PgConnection::connect(site_url).await.unwrap();
    let rows = bare.fetch_all("SELECT payload FROM audit_events").await.unwrap();
    let mut found = BTreeMap::new();
    for row in rows {
        let payload: Value = serde_json::from_str(row.get("payload")).unwrap();
        if let Some(id) = payload["request_id"].as_str() {
            *found.entry(id.to_owned()).or_default() += 1;
        }
    }
    found
}

/// Waits until every request that was answered is in the log once, exports the log and checks it without the store.
pub(crate) fn assert_log_is_whole(site: &Site, all: &[Answered]) {
    let url = site.database.as_ref().unwrap().url();
    let wanted: BTreeSet<&str> = all
        .iter()
        .filter(|answered| answered.status == 200)
        .map(|answered| answered.request_id.as_str())
        .collect();
    let begun = Instant::now();
    loop {
        let found = runtime().block_on(events(&url));
        let twice: Vec<_> = found.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let lost = wanted.iter().filter(|id| !found.contains_key(**id)).count();
        if lost == 0 {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{lost} of {} are not in the log",
            wanted.len()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let key = fine(&site.folders[0], &["audit", "key"]);
    std::fs::write(site.folders[0].path().join("log.pub"), key).unwrap();
    let begun = Instant::now();
    // What was stored a moment ago has no position yet.
    while run(&site.folders[0], &["audit", "export", "log"]).status.code() != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "the log cannot be exported");
        std::thread::sleep(Duration::from_millis(200));
    }
    fine(&site.folders[0], &["audit", "verify", "log", "--key", "log.pub"]);
}

/// Nothing private went out, and each caller had one stand-in all along.
pub(crate) fn assert_nothing_private_left(site: &Site, callers: usize) {
    let seen = site.provider.recordings();
    let prompts: BTreeSet<&[u8]> = seen.iter().map(|recording| &recording.body[..]).collect();
    assert_eq!(prompts.len(), callers, "one conversation, one set of surrogates");
    for prompt in prompts {
        let prompt = String::from_utf8_lossy(prompt);
        assert!(
            (0..callers).all(|caller| !prompt.contains(&Load::private(caller))),
            "{prompt}"
        );
    }
}

/// Stops `node` in order: nobody sends it anything any more, then it is asked to end.
fn stop(load: &Load, other: &Serving, node: Serving) {
    load.send_to(&[other.address()]);
    std::thread::sleep(Duration::from_millis(300));
    node.signal();
    let (code, log) = node.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn nodes_of_two_versions_serve_side_by_side_while_one_after_the_other_is_brought_up_to_date() {
    let Some(site) = Site::new("") else { return };
    let url = site.database.as_ref().unwrap().url();
    let nodes = site.start();
    share(&nodes);
    let (code, now) = status(&site.folders[0]);
    assert_eq!((code, now["standing"].as_str()), (Some(0), Some("current")));
    let known = now["knows"].as_i64().unwrap();
    assert!(
        now["connected"][0]["knows"] == known && now["connected"][0]["connections"].as_i64() > Some(1),
        "{now}"
    );
    let load = site.work.block_on(async {
        Load::start(
            &[nodes[0].address(), nodes[1].address()],
            &site.key,
            CALLERS,
            PAUSE,
        )
    });
    std::thread::sleep(Duration::from_millis(500));

    // The step of the next version: a column on what all nodes read, a table, and word that whoever knows this version goes on.
    let step = format!(
        "BEGIN; LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE; ALTER TABLE api_keys ADD COLUMN purpose TEXT; \
         CREATE TABLE purposes (name TEXT NOT NULL PRIMARY KEY); \
         INSERT INTO schema_version (version, oldest) VALUES ({}, {known}); COMMIT",
        known + 1
    );
    runtime().block_on(raw(&url, &step));
    std::thread::sleep(Duration::from_secs(1));
    let (code, now) = status(&site.folders[0]);
    assert_eq!(
        (code, now["standing"].as_str()),
        (Some(0), Some("newer")),
        "{now}"
    );
    for node in &nodes {
        assert_eq!(ready(node).status, 200, "{}", ready(node).text());
    }
    // What is changed from an older program reaches all.
    let late = fine(&site.folders[1], &["key", "create", "--name", "late"]);
    for node in &nodes {
        assert_eq!(node.ask(&late, "hello").status, 200);
    }
    // Each of them starts again, one after the other.
    let [one, two] = nodes;
    stop(&load, &two, one);
    let one = Serving::start(&site.folders[0]);
    stop(&load, &one, two);
    let two = Serving::start(&site.folders[1]);
    load.send_to(&[one.address(), two.address()]);
    std::thread::sleep(Duration::from_millis(500));

    // A step that shuts this version out: nodes say that they are to be taken out of service, and go on for as long as without the
    // store; none starts again.
    let step = format!(
        "INSERT INTO schema_version (version, oldest) VALUES ({0}, {0})",
        known + 2
    );
    runtime().block_on(raw(&url, &step));
    let nodes = [one, two];
    for node in &nodes {
        let reply = until(503, || ready(node));
        assert!(reply.text().contains("newer privet"), "{}", reply.text());
        assert_eq!(node.ask(&site.key, "hello").status, 200);
    }
    let (code, now) = status(&site.folders[0]);
    assert_eq!(
        (code, now["standing"].as_str()),
        (Some(1), Some("too_new")),
        "{now}"
    );
    let text = out(&run(&site.folders[0], &["store", "status"]));
    assert!(text.contains("install that privet"), "{text}");
    let third = folder();
    for name in ["privet.toml", "policy.toml", "store.url", "valkey.url"] {
        std::fs::copy(site.folders[0].path().join(name), third.path().join(name)).unwrap();
    }
    std::fs::create_dir(third.path().join("privet-data")).unwrap();
    let root = "privet-data/root.key";
    std::fs::copy(site.folders[0].path().join(root), third.path().join(root)).unwrap();
    let refused = run(&third, &["serve"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = err(&refused);
    assert!(said.contains("install the newer privet here"), "{said}");

    // Taken back: what was decided meanwhile had waited.
    runtime().block_on(raw(
        &url,
        &format!("DELETE FROM schema_version WHERE version = {}", known + 2),
    ));
    for node in &nodes {
        until(200, || ready(node));
    }
    let all = site.work.block_on(load.end());
    let failed: Vec<_> = all
        .iter()
        .filter(|answered| answered.status != 200 || !answered.is_restored)
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {:?}",
        failed.len(),
        all.len(),
        failed.first()
    );
    assert!(all.len() > 5 * CALLERS, "{}", all.len());
    // Other prompts than those of the load.
    let hellos = |prompt: &[u8]| String::from_utf8_lossy(prompt).contains("\"hello\"");
    let seen = site.provider.take_recordings();
    let prompts: BTreeSet<&[u8]> = seen
        .iter()
        .map(|recording| &recording.body[..])
        .filter(|body| !hellos(body))
        .collect();
    assert_eq!(prompts.len(), CALLERS, "one conversation, one set of surrogates");
    assert!(
        prompts
            .iter()
            .all(|prompt| !String::from_utf8_lossy(prompt).contains("@example.com"))
    );
    assert_log_is_whole(&site, &all);
    site.end(nodes);
}

#[test]
fn a_node_that_is_killed_under_load_loses_no_decision() {
    let Some(site) = Site::new("") else { return };
    let nodes = site.start();
    let load = site.work.block_on(async {
        Load::start(
            &[nodes[0].address(), nodes[1].address()],
            &site.key,
            CALLERS,
            PAUSE,
        )
    });
    std::thread::sleep(Duration::from_secs(1));
    let [one, two] = nodes;
    let victim = one.address();
    drop(one);
    load.send_to(&[two.address()]);
    std::thread::sleep(Duration::from_millis(300));
    let one = Serving::start(&site.folders[0]);
    load.send_to(&[one.address(), two.address()]);
    std::thread::sleep(Duration::from_millis(500));
    let all = site.work.block_on(load.end());
    let failed: Vec<_> = all.iter().filter(|answered| answered.status != 200).collect();
    assert!(
        failed.len() <= 2 * CALLERS
            && failed
                .iter()
                .all(|answered| answered.node == victim && answered.status == 0),
        "{failed:?}"
    );
    assert!(
        all.iter()
            .all(|answered| answered.status != 200 || answered.is_restored)
    );
    assert_nothing_private_left(&site, CALLERS);
    assert_log_is_whole(&site, &all);
    site.end([one, two]);
}
