//! What git holds: files that are about to be committed, and those of all commits. By git's own program, told to run nothing that a
//! repository's settings name.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

/// A file as git holds it.
pub(super) struct Blob {
    /// Its object's name, or `:PATH` of what is staged.
    pub(super) object: String,
    /// Where it stands, with `/`.
    pub(super) path: String,
}

/// `git` in a folder, without anything of the repository's own that would run programs.
fn git(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(root)
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["--no-pager", "--no-optional-locks", "--literal-pathspecs"])
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn output(root: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let done = git(root, arguments).stdout(Stdio::piped()).output();
    let done = done.context("cannot run `git`; install it, or scan without `--history` and `--staged`")?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!(
            "`git` cannot read the repository of `{}`: {}",
            root.display(),
            said.lines().next().unwrap_or("it says nothing")
        );
    }
    Ok(done.stdout)
}

/// The top folder of the repository that `place` lies in.
pub(super) fn top(place: &Path) -> Result<std::path::PathBuf> {
    let folder = if place.is_dir() {
        place
    } else {
        place.parent().unwrap_or(place)
    };
    let said = output(folder, &["rev-parse", "--show-toplevel"])?;
    let said = String::from_utf8(said).context("the repository's path is no UTF-8")?;
    Ok(said.trim_end_matches(['\r', '\n']).into())
}

/// What would be committed now.
pub(super) fn staged(root: &Path) -> Result<Vec<Blob>> {
    let said = output(
        root,
        &[
            "diff",
            "--cached",
            "--name-only",
            "-z",
            "--no-ext-diff",
            "--diff-filter=ACMRT",
        ],
    )?;
    let names = said.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names
        .map(|name| {
            let path = String::from_utf8_lossy(name).into_owned();
            Blob {
                object: format!(":{path}"),
                path,
            }
        })
        .collect())
}

/// Each file that any commit of any branch, tag or stash holds, once, by one of the places where it stood.
pub(super) fn history(root: &Path) -> Result<Vec<Blob>> {
    let said = output(root, &["rev-list", "--objects", "--all"])?;
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for line in said.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        // Commits have no place, and the folder at the top an empty one.
        if let Some((object, path)) = line.split_once(' ').filter(|(_, path)| !path.is_empty()) {
            places.entry(object.to_owned()).or_insert_with(|| path.to_owned());
        }
    }
    let places = places.into_iter();
    Ok(places.map(|(object, path)| Blob { object, path }).collect())
}

/// Reads objects one after another.
pub(super) struct Objects {
    child: Child,
    ask: ChildStdin,
    said: BufReader<ChildStdout>,
    most: u64,
}

/// What an object is.
pub(super) enum Object {
    /// A file.
    Bytes(Vec<u8>),
    /// Longer than is read.
    TooLong(u64),
    /// A folder, a commit, or nothing.
    Other,
}

impl Objects {
    /// Objects of up to `most` bytes.
    pub(super) fn open(root: &Path, most: u64) -> Result<Self> {
        let mut child = git(root, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run `git`")?;
        let (Some(ask), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("cannot talk to `git`");
        };
        Ok(Self {
            child,
            ask,
            said: BufReader::new(said),
            most,
        })
    }

    /// One object.
    pub(super) fn read(&mut self, object: &str) -> Result<Object> {
        if object.contains('\n') {
            return Ok(Object::Other);
        }
        writeln!(self.ask, "{object}").context("`git` has ended")?;
        self.ask.flush().context("`git` has ended")?;
        let mut head = String::new();
        self.said.read_line(&mut head).context("`git` has ended")?;
        let mut parts = head.trim_end().rsplit(' ');
        let (length, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if length == "missing" || length == "ambiguous" {
            return Ok(Object::Other);
        }
        let Ok(length) = length.parse::<u64>() else {
            bail!("`git` says what cannot be read");
        };
        let is_wanted = kind == "blob" && length <= self.most;
        let mut bytes = Vec::new();
        let mut content = self.said.by_ref().take(length);
        if is_wanted {
            content.read_to_end(&mut bytes).context("`git` has ended")?;
        } else {
            std::io::copy(&mut content, &mut std::io::sink()).context("`git` has ended")?;
        }
        let mut end = [0];
        self.said.read_exact(&mut end).context("`git` has ended")?;
        Ok(match (kind, is_wanted) {
            ("blob", true) => Object::Bytes(bytes),
            ("blob", false) => Object::TooLong(length),
            _ => Object::Other,
        })
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It ends when nobody asks it any more; a process that does not must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
