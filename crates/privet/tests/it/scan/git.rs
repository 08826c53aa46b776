//! What git holds: `--staged`, `--history`, and the hook.

use std::path::Path;
use std::process::Output;

use super::{Place, secret};
use crate::cli::{err, out};

/// Whether there is a git; says so if there is none.
fn has_git() -> bool {
    let found = Place::new().command("git").arg("--version").output();
    let is_there = found.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: there is no `git` on this machine");
    }
    is_there
}

impl Place {
    fn git(&self, arguments: &[&str]) -> Output {
        self.command("git")
            .args(["-c", "user.name=ann", "-c", "user.email=ann@example.org"])
            .args(["-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .output()
            .expect("git starts")
    }

    fn git_fine(&self, arguments: &[&str]) -> String {
        let output = self.git(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", err(&output));
        out(&output)
    }

    fn commit(&self, message: &str) {
        self.git_fine(&["add", "--all"]);
        self.git_fine(&["commit", "--quiet", "--message", message]);
    }

    /// Paths of the findings.
    fn paths(&self, arguments: &[&str], code: i32) -> Vec<String> {
        let found = self.found(arguments, code);
        found.into_iter().map(|(path, _)| path).collect()
    }
}

fn repository() -> Place {
    let place = Place::new();
    place.git_fine(&["init", "--quiet"]);
    place.write("README.md", "A project.\n");
    place.commit("first");
    place
}

#[test]
fn staged_means_what_would_be_committed_and_not_what_lies_there() {
    if !has_git() {
        return;
    }
    let place = repository();
    let with = |number: usize| format!("token = \"{}\"\n", secret(number));
    place.write("unstaged.py", with(1));
    assert!(place.paths(&["--staged"], 0).is_empty());
    place.write("deep/app.py", with(2));
    place.git_fine(&["add", "deep/app.py"]);
    // Mended in the folder only: it would be committed as it was.
    place.write("deep/app.py", "token = None\n");
    assert_eq!(place.paths(&["--staged"], 1), ["deep/app.py"]);
    assert_eq!(place.paths(&["--staged", "deep"], 1), ["deep/app.py"]);
    place.git_fine(&["add", "deep/app.py"]);
    assert!(place.paths(&["--staged"], 0).is_empty());
    // Odd names, and what is taken away.
    place.write("a b\"ü.py", with(3));
    place.git_fine(&["rm", "--quiet", "README.md"]);
    place.git_fine(&["add", "--all", "--", "a b\"ü.py"]);
    assert_eq!(place.paths(&["--staged"], 1), ["a b\"ü.py"]);
}

#[test]
fn the_first_commit_of_a_repository_is_scanned_as_well() {
    if !has_git() {
        return;
    }
    let place = Place::new();
    place.git_fine(&["init", "--quiet"]);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place.git_fine(&["add", "--all"]);
    assert_eq!(place.paths(&["--staged"], 1), ["app.py"]);
}

#[test]
fn history_holds_what_was_taken_out_since_and_other_branches() {
    if !has_git() {
        return;
    }
    let place = repository();
    place.write("old.py", format!("token = \"{}\"\n", secret(1)));
    place.commit("oops");
    place.git_fine(&["rm", "--quiet", "old.py"]);
    place.commit("mended");
    place.git_fine(&["checkout", "--quiet", "-b", "side"]);
    place.write("side.py", format!("token = \"{}\"\n", secret(2)));
    place.commit("side");
    place.git_fine(&["checkout", "--quiet", "main"]);
    assert!(place.paths(&["."], 0).is_empty());
    let mut ends: Vec<String> = place
        .paths(&[".", "--history"], 1)
        .iter()
        .map(|path| path.split_once(':').expect("a commit").1.to_owned())
        .collect();
    ends.sort();
    assert_eq!(ends, ["old.py", "side.py"]);
}

#[test]
fn outside_of_a_repository_git_is_told_to_have_none() {
    if !has_git() {
        return;
    }
    let place = Place::new();
    for option in ["--staged", "--history"] {
        let output = place.scan(&[".", option]);
        assert_eq!(output.status.code(), Some(2), "{}", out(&output));
        assert!(err(&output).contains("git"), "{}", err(&output));
    }
}

#[test]
fn nothing_that_a_repository_names_is_run() {
    if !has_git() {
        return;
    }
    let place = repository();
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place.write(".gitattributes", "*.py diff=evil filter=evil\n");
    let mark = place.0.path().join("ran");
    let touch = format!("touch {}", mark.display());
    for (key, value) in [
        ("core.fsmonitor", touch.as_str()),
        ("diff.evil.textconv", &touch),
        ("diff.evil.command", &touch),
        ("diff.external", &touch),
        ("core.pager", &touch),
    ] {
        place.git_fine(&["config", key, value]);
    }
    place
        .command("git")
        .args(["-c", "core.fsmonitor=false", "add", "--all"])
        .output()
        .expect("git starts");
    let _ = std::fs::remove_file(&mark);
    place.ended(&["--staged"], 1);
    place.ended(&[".", "--history"], 1);
    assert!(!mark.exists());
}

#[test]
fn the_hook_refuses_a_commit_with_a_finding_and_lets_others_pass() {
    use std::os::unix::fs::PermissionsExt;
    if !has_git() {
        return;
    }
    let place = repository();
    let hook = place.work().join(".git/hooks/pre-commit");
    let text = place.ended(&["hook", "git"], 0);
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, text).expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("a hook");
    let beside = Path::new(env!("CARGO_BIN_EXE_privet"))
        .parent()
        .expect("a folder");
    let with = format!("{}:{}", beside.display(), super::path());
    let commit = |path: &str| {
        place
            .command("git")
            .env("PATH", path)
            .args(["-c", "user.name=ann", "-c", "user.email=ann@example.org"])
            .args([
                "-c",
                "commit.gpgsign=false",
                "commit",
                "--quiet",
                "--message",
                "more",
            ])
            .output()
            .expect("git starts")
    };
    let commits = || place.git_fine(&["rev-list", "--count", "HEAD"]);
    place.write("app.py", format!("token = \"{}\"\n", secret(1)));
    place.git_fine(&["add", "app.py"]);
    let refused = commit(&with);
    assert!(!refused.status.success());
    let said = format!("{}{}", out(&refused), err(&refused));
    assert!(said.contains("app.py") && !said.contains(&secret(1)), "{said}");
    assert_eq!(commits(), "1\n");
    place.write("app.py", "token = None\n");
    place.git_fine(&["add", "app.py"]);
    let passed = commit(&with);
    assert!(passed.status.success(), "{}{}", out(&passed), err(&passed));
    assert_eq!(commits(), "2\n");
    // Without the program nothing is committed unseen.
    place.write("app.py", "token = 1\n");
    place.git_fine(&["add", "app.py"]);
    assert!(!commit(&super::path()).status.success());
    assert_eq!(commits(), "2\n");
}

#[test]
fn hooks_for_others_are_printed() {
    let place = Place::new();
    assert!(
        place
            .ended(&["hook", "pre-commit"], 0)
            .contains("entry: privet scan --staged")
    );
    assert!(
        place
            .ended(&["hook", "jupyter"], 0)
            .contains("def privet_pre_save")
    );
}
