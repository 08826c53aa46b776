//! `privet serve` takes up what changes in its policy.

use std::fs;

use privet_demo::{Provider, ProviderConfig};

use crate::cli::{Serving, fine, folder, settings};

#[test]
fn a_changed_policy_is_taken_up_and_a_broken_one_is_not() {
    let provider_runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let provider = provider_runtime
        .block_on(Provider::start(ProviderConfig::default()))
        .expect("a port");
    let folder = folder();
    settings(&folder, &format!("http://{}", provider.addr()));
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, "").expect("a file");
    let file = folder.path().join("privet.toml");
    let text = fs::read_to_string(&file).expect("settings");
    fs::write(&file, format!("policy = \"policy.toml\"\n{text}")).expect("a file");
    let key = fine(&folder, &["key", "create", "--name", "ann"]);
    let mut serving = Serving::start(&folder);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 200);
    fs::write(&policy, "[pii.entities]\nEMAIL_ADDRESS = \"bloc\"\n").expect("a file");
    serving.wait_for("the policy before them stays in force", 20);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 200);
    fs::write(&policy, "[pii.entities]\nEMAIL_ADDRESS = \"block\"\n").expect("a file");
    serving.wait_for("another policy is in force", 20);
    assert_eq!(serving.ask(&key, "I am ada@example.com").status, 400);
    // Asked to, it reads again what did not change.
    serving.hang_up();
    serving.wait_for("read again and is the same", 20);
    serving.signal();
    assert_eq!(serving.end().0, Some(0));
}
