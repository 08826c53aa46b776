//! The vault of a gateway under test.

use std::sync::Arc;

use privet_crypto::RootKey;
use privet_policy::VaultSettings;
use privet_server::{Outbox, VaultParts, request_config};
use privet_store::{Keyring, KeyringConfig, Location, Store, log_signer};
use privet_types::Clock;
use privet_vault::{
    ARCHIVE_TARGETS, ArchiveConfig, Consent, ConsentConfig, Requests, Retention, RootProtection,
    STORE_TARGETS, Vault, VaultConfig,
};

use crate::clock::FakeClock;

pub(crate) async fn open_vault(
    store: &Store,
    keyring: Location,
    root: &Arc<RootKey>,
    clock: &Arc<FakeClock>,
    wanted: &VaultSettings,
) -> VaultParts {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let keyring = Keyring::open(
        keyring,
        Arc::clone(root),
        KeyringConfig::default(),
        Arc::clone(&clock),
    );
    let keyring = keyring.await.expect("a keyring");
    let config = VaultConfig {
        archive: ArchiveConfig {
            is_on: wanted.archive.enabled,
            days: wanted.archive.days,
            has_word_index: wanted.archive.word_index,
            reply_map_days: wanted.archive.reply_map_days,
        },
        ..VaultConfig::default()
    };
    let vault = Vault::open(store.clone(), keyring, Arc::clone(&clock), config).expect("a vault");
    let consent = Consent::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        Arc::clone(&clock),
        ConsentConfig::default(),
    );
    let vault = vault.with_consent(&consent);
    let retention = Retention::new(
        store.database().clone(),
        Arc::new(vault.clone()),
        clock,
        &[STORE_TARGETS, ARCHIVE_TARGETS].concat(),
    );
    let outbox = Outbox::new(&wanted.requests, vault.clone()).expect("an outbox");
    let delivery = Arc::new(outbox.clone());
    let config = request_config(&wanted.requests);
    let requests = Requests::new(vault.clone(), consent.clone(), delivery, config);
    VaultParts {
        vault,
        consent,
        retention,
        requests: requests.expect("a configuration"),
        outbox,
        store: store.clone(),
        root: RootProtection::Plain,
        log_key: log_signer(root, None).expect("a signer").key().clone().into(),
    }
}
