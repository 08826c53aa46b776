//! Installing and going back, stopped after every step: whoever reads the shelf then sees the version before, or the new one, whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use privet_crypto::SigningKey;
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_types::{Clock, UpdateKind};
use privet_update::{UpdateBundle, UpdateHead};
use tempfile::TempDir;

use super::install::{self, Plan};
use super::shelf::{Shelf, State};
use super::sources::Sources;
use super::step::{self, Step};

const KIND: UpdateKind = UpdateKind::Rules;

fn key() -> SigningKey {
    SigningKey::parse(&format!("privet-signing-1:{}", "7".repeat(64))).unwrap()
}

fn settings(folder: &TempDir, more: &str) -> Settings {
    let text = format!(
        "rules = [\"updates:rules\"]\n[updates]\ndirectory = \"updates\"\nsigners = [\"{}\"]\n{more}\n\
         [[providers]]\nname = \"a\"\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
         [[models]]\nmatch = \"*\"\nprovider = \"a\"\n",
        key().verifying_key()
    );
    Settings::parse(&text, &folder.path().join("privet.toml")).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(SystemClock.now().as_second()).unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// Version `version`, which says so in its rules, too.
fn bundle(version: u64) -> UpdateBundle {
    bundle_of(version, None, (now() - days(1), now() + days(30)))
}

fn bundle_of(version: u64, replaces: Option<u64>, term: (Timestamp, Timestamp)) -> UpdateBundle {
    let rules = format!("[[terms]]\nvalues = [\"Project {version}\"]\n");
    let files = BTreeMap::from([
        ("rules.toml".to_owned(), rules.into_bytes()),
        (
            "lists/more.txt".to_owned(),
            version.to_string().repeat(100).into_bytes(),
        ),
    ]);
    let mut bundle = UpdateBundle::new((KIND, "default"), (version, replaces), term, files).unwrap();
    bundle.head_mut().sign(&key()).unwrap();
    bundle
}

fn plan(shelf: &Shelf<'_>, bundle: &UpdateBundle) -> anyhow::Result<Plan> {
    install::install(shelf, bundle, false, now())
}

fn put(shelf: &Shelf<'_>, bundle: &UpdateBundle) {
    let _locked = shelf.lock().unwrap();
    let plan = plan(shelf, bundle).unwrap();
    step::run(&plan.stage).unwrap();
    step::run(&plan.flip).unwrap();
}

fn refused(shelf: &Shelf<'_>, bundle: &UpdateBundle) -> String {
    format!("{:#}", plan(shelf, bundle).unwrap_err())
}

/// The version in force, as whoever starts a gateway sees it; its documents say the same.
fn in_force(settings: &Settings) -> Option<u64> {
    let shelf = Shelf::new(settings, KIND).unwrap();
    shelf.current().unwrap()?;
    let version = shelf.in_force().unwrap().head.manifest().version;
    let sources = Sources::new(settings);
    let text = sources.read(&settings.rules[0]).unwrap();
    assert!(text.contains(&format!("Project {version}")), "{text}");
    Some(version)
}

/// Does the first `count` steps and half of the next one.
fn run_until_crash(steps: &[Step], count: usize) {
    step::run(&steps[..count]).unwrap();
    if let Some(Step::File(path, bytes)) = steps.get(count) {
        let _ = fs::remove_file(path);
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
}

#[test]
fn an_installation_that_stops_anywhere_leaves_one_whole_version_and_can_be_done_again() {
    for before in [None, Some(6)] {
        let length = {
            let folder = tempfile::tempdir().unwrap();
            let settings = settings(&folder, "");
            let shelf = Shelf::new(&settings, KIND).unwrap();
            if let Some(before) = before {
                put(&shelf, &bundle(before));
            }
            let plan = plan(&shelf, &bundle(7)).unwrap();
            plan.stage.len() + plan.flip.len()
        };
        assert!(length > 12, "{length}");
        for count in 0..length {
            let folder = tempfile::tempdir().unwrap();
            let settings = settings(&folder, "keep = 1");
            let shelf = Shelf::new(&settings, KIND).unwrap();
            if let Some(before) = before {
                put(&shelf, &bundle(before));
            }
            let new = bundle(7);
            let locked = shelf.lock().unwrap();
            let Plan { stage, flip, .. } = plan(&shelf, &new).unwrap();
            let steps = [stage, flip].concat();
            run_until_crash(&steps, count);
            let seen = in_force(&settings);
            assert!(seen == before || seen == Some(7), "{count}: {seen:?}");
            drop(locked);
            put(&shelf, &new);
            assert_eq!(in_force(&settings), Some(7), "{count}");
            assert_eq!(shelf.state().unwrap(), Some(State { floor: 7, pin: None }));
            put(&shelf, &bundle(8));
            assert_eq!(in_force(&settings), Some(8), "{count}");
            let left = fs::read_dir(shelf.path("")).unwrap();
            let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut left: Vec<String> = left.collect();
            left.sort_unstable();
            assert_eq!(left, ["7", "8", "current", "lock", "state.json"], "{count}");
        }
    }
}

#[test]
fn going_back_that_stops_anywhere_leaves_one_whole_version() {
    let steps_of = |settings: &Settings| {
        let shelf = Shelf::new(settings, KIND).unwrap();
        put(&shelf, &bundle(6));
        put(&shelf, &bundle(7));
        let plan = install::roll_back(&shelf, None).unwrap();
        assert_eq!((plan.version, plan.before), (6, Some(7)));
        plan.flip
    };
    let length = {
        let folder = tempfile::tempdir().unwrap();
        steps_of(&settings(&folder, "")).len()
    };
    for count in 0..=length {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, "");
        let steps = steps_of(&settings);
        run_until_crash(&steps, count);
        let seen = in_force(&settings);
        assert!(seen == Some(6) || seen == Some(7), "{count}: {seen:?}");
        let shelf = Shelf::new(&settings, KIND).unwrap();
        put(&shelf, &bundle(8));
        assert_eq!(in_force(&settings), Some(8), "{count}");
    }
}

#[test]
fn an_older_version_is_taken_only_by_who_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    put(&shelf, &bundle(7));
    let said = refused(&shelf, &bundle(6));
    assert!(
        said.contains("older than 7") && said.contains("--rollback"),
        "{said}"
    );
    let back = install::install(&shelf, &bundle(6), true, now()).unwrap();
    step::run(&[back.stage, back.flip].concat()).unwrap();
    assert_eq!(in_force(&settings), Some(6));
    // Whoever flips the link by hand does not bring a version back that was left.
    put(&shelf, &bundle(8));
    step::run(&shelf.put_in_force(6)).unwrap();
    let said = format!("{:#}", shelf.in_force().unwrap_err());
    assert!(said.contains("must be 8 or later"), "{said}");
    let back = install::roll_back(&shelf, Some(6)).unwrap();
    step::run(&back.flip).unwrap();
    assert_eq!(in_force(&settings), Some(6));
}

#[test]
fn the_state_that_is_taken_away_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    put(&shelf, &bundle(7));
    fs::write(shelf.path("state.json"), "{\"floor\":0").unwrap();
    assert!(format!("{:#}", shelf.in_force().unwrap_err()).contains("damaged"));
    fs::remove_file(shelf.path("state.json")).unwrap();
    assert!(format!("{:#}", shelf.in_force().unwrap_err()).contains("missing"));
    put(&shelf, &bundle(7));
    assert_eq!(in_force(&settings), Some(7));
}

#[test]
fn what_has_expired_is_to_come_or_lacks_what_it_follows_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    let old = bundle_of(7, None, (now() - days(9), now() - days(1)));
    assert!(refused(&shelf, &old).contains("expired"));
    let early = bundle_of(7, None, (now() + days(2), now() + days(9)));
    assert!(refused(&shelf, &early).contains("look at the clock"));
    let follows = bundle_of(9, Some(8), (now() - days(1), now() + days(9)));
    // Where nothing is in force there is nothing to follow.
    assert!(plan(&shelf, &follows).is_ok());
    put(&shelf, &bundle(7));
    assert!(refused(&shelf, &follows).contains("install 8 first"));
    put(&shelf, &bundle(8));
    assert!(plan(&shelf, &follows).is_ok());
}

#[test]
fn a_pinned_kind_takes_no_other_version_and_does_not_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    put(&shelf, &bundle(6));
    put(&shelf, &bundle(7));
    let pinned = State {
        floor: 7,
        pin: Some(7),
    };
    step::run(&shelf.remember(pinned).unwrap()).unwrap();
    assert_eq!(in_force(&settings), Some(7));
    assert!(refused(&shelf, &bundle(8)).contains("is pinned"));
    assert!(install::install(&shelf, &bundle(6), true, now()).is_err());
    assert!(install::roll_back(&shelf, None).is_err());
    put(&shelf, &bundle(7));
    assert_eq!(
        shelf.state().unwrap(),
        Some(pinned),
        "a pin outlasts an installation"
    );
    step::run(&shelf.put_in_force(6)).unwrap();
    assert!(shelf.in_force().is_err(), "a pin holds against a link");
}

#[test]
fn a_version_is_given_to_one_update_alone_and_mends_itself() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    let first = bundle(7);
    put(&shelf, &first);
    let other = bundle_of(7, None, (now() - days(2), now() + days(30)));
    assert!(refused(&shelf, &other).contains("cannot be given to two"));
    for damage in ["rules.toml", "lists/more.txt", UpdateHead::FILE] {
        let path = shelf.folder_of(7).join(damage);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(shelf.in_force().is_err(), "{damage}");
        fs::remove_file(&path).unwrap();
        assert!(shelf.in_force().is_err(), "{damage}");
        put(&shelf, &first);
        assert_eq!(in_force(&settings), Some(7), "{damage}");
    }
    fs::write(shelf.folder_of(7).join("lists/spare.toml"), "x").unwrap();
    assert_eq!(
        in_force(&settings),
        Some(7),
        "a file that nobody signed is read by nobody"
    );
    let spare = settings.updates.current(KIND).join("lists/spare.toml");
    assert!(Sources::new(&settings).read(&spare).is_err());
}

#[test]
fn only_so_many_are_kept_and_never_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "keep = 2");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    for version in 1..=6 {
        put(&shelf, &bundle(version));
    }
    assert_eq!(shelf.versions().unwrap(), [4, 5, 6]);
    let back = install::roll_back(&shelf, Some(4)).unwrap();
    step::run(&back.flip).unwrap();
    put(&shelf, &bundle(7));
    assert!(shelf.versions().unwrap().contains(&4), "the one before");
    assert_eq!(in_force(&settings), Some(7));
    assert!(install::roll_back(&shelf, Some(3)).is_err());
}

#[test]
fn links_and_folders_that_others_put_there_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    put(&shelf, &bundle(7));
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for (place, target) in [
        (".new", "elsewhere"),
        (".old", "elsewhere"),
        (".state", "elsewhere/file"),
    ] {
        std::os::unix::fs::symlink(folder.path().join(target), shelf.path(place)).unwrap();
    }
    put(&shelf, &bundle(8));
    assert_eq!(in_force(&settings), Some(8));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    for target in ["..", "../policy", "7/..", "08", "/etc", ""] {
        let _ = fs::remove_file(shelf.path("current"));
        if !target.is_empty() {
            std::os::unix::fs::symlink(target, shelf.path("current")).unwrap();
        }
        assert!(shelf.in_force().is_err(), "{target}");
    }
    assert!(Path::new(&elsewhere).exists());
}

#[test]
fn another_way_to_the_folder_is_not_taken_for_a_plain_file() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, "");
    let shelf = Shelf::new(&settings, KIND).unwrap();
    put(&shelf, &bundle(7));
    std::os::unix::fs::symlink(folder.path().join("updates"), folder.path().join("other")).unwrap();
    let sources = Sources::new(&settings);
    for way in ["other/rules/current/rules.toml", "other/rules/7/rules.toml"] {
        let said = sources.read(&folder.path().join(way)).unwrap_err();
        assert!(format!("{said:#}").contains("updates:KIND/FILE"), "{said:#}");
    }
}
