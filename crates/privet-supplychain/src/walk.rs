//! Which files of a folder are scanned.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;

/// Folders of version control: their objects are read as history, not as files.
const VERSION_CONTROL: [&str; 4] = [".git", ".hg", ".svn", ".jj"];

/// What is walked over and how.
#[derive(Debug, Clone, Default)]
pub struct WalkOptions {
    /// Whether files are scanned that `.gitignore`, `.ignore` and git's own lists leave out.
    pub no_ignore: bool,
    /// Globs of files and folders that are left out, as in `.gitignore`.
    pub exclude: Vec<String>,
}

/// A file that is to be scanned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// How it is shown: relative to what was asked for, with `/`.
    pub shown: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes when it was seen.
    pub bytes: u64,
}

/// What was not followed or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// How it is shown.
    pub shown: String,
    /// Why, for people.
    pub reason: String,
}

/// Why nothing can be walked over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// There is nothing under that name.
    #[error("there is no file or folder `{}`", path.display())]
    Missing {
        /// The name.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A glob cannot be used.
    #[error("the glob `{glob}` cannot be used; write it as in `.gitignore`")]
    Glob {
        /// Which.
        glob: String,
    },
}

/// All files under `roots`, by path, and what was passed over. Symbolic links are not followed, but for a root that is one; what is
/// neither file nor folder is passed over. Hidden files are walked over; folders of version control are not.
///
/// # Errors
/// [`WalkError`] if a root is not there, or a glob is none.
pub fn walk(roots: &[PathBuf], options: &WalkOptions) -> Result<(Vec<Entry>, Vec<Unread>), WalkError> {
    let (mut entries, mut unread) = (BTreeSet::new(), BTreeSet::new());
    for root in roots {
        let meta = std::fs::metadata(root).map_err(|source| WalkError::Missing {
            path: root.clone(),
            source,
        })?;
        if meta.is_file() {
            let shown = slashed(root);
            entries.insert(Entry {
                shown,
                path: root.clone(),
                bytes: meta.len(),
            });
            continue;
        }
        folder(root, options, &mut entries, &mut unread)?;
    }
    Ok((entries.into_iter().collect(), unread.into_iter().collect()))
}

fn folder(
    root: &Path,
    options: &WalkOptions,
    entries: &mut BTreeSet<Entry>,
    unread: &mut BTreeSet<Unread>,
) -> Result<(), WalkError> {
    let mut excluded = OverrideBuilder::new(root);
    for glob in &options.exclude {
        let bad = |_| WalkError::Glob { glob: glob.clone() };
        excluded.add(&format!("!{glob}")).map_err(bad)?;
    }
    let excluded = excluded.build().map_err(|_| WalkError::Glob {
        glob: options.exclude.join(" "),
    })?;
    let is_kept = !options.no_ignore;
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(is_kept)
        .git_ignore(is_kept)
        .git_global(is_kept)
        .git_exclude(is_kept)
        .parents(is_kept)
        .require_git(false)
        .follow_links(false)
        .overrides(excluded)
        .filter_entry(|entry| !VERSION_CONTROL.iter().any(|name| entry.file_name() == *name))
        .build();
    for found in walk {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                unread.insert(Unread {
                    shown: slashed(root),
                    reason: why(&error),
                });
                continue;
            }
        };
        let shown = shown(root, found.path());
        let Some(kind) = found.file_type() else { continue };
        if kind.is_dir() {
            continue;
        }
        if !kind.is_file() {
            let reason = if kind.is_symlink() {
                "a symbolic link, which is not followed"
            } else {
                "neither a file nor a folder"
            };
            let reason = reason.to_owned();
            unread.insert(Unread { shown, reason });
            continue;
        }
        match found.metadata() {
            Ok(meta) => {
                entries.insert(Entry {
                    shown,
                    path: found.path().to_owned(),
                    bytes: meta.len(),
                });
            }
            Err(error) => {
                let reason = why(&error);
                unread.insert(Unread { shown, reason });
            }
        }
    }
    Ok(())
}

/// Without the path, which stands beside it.
fn why(error: &ignore::Error) -> String {
    match error.io_error() {
        Some(error) => error.kind().to_string(),
        None => "it cannot be walked over".to_owned(),
    }
}

/// Relative to the root, which is named if it is not the folder where one is.
fn shown(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path);
    let base = slashed(root);
    match base.as_str() {
        "." | "" => slashed(inner),
        base => format!("{}/{}", base.trim_end_matches('/'), slashed(inner)),
    }
}

/// With `/` between parts.
fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if std::path::MAIN_SEPARATOR == '/' {
        text.into_owned()
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    };
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path, options: &WalkOptions) -> Vec<String> {
        let (entries, _) = walk(&[root.to_owned()], options).unwrap();
        let base = format!("{}/", slashed(root));
        entries
            .iter()
            .map(|entry| entry.shown.strip_prefix(&base).unwrap().to_owned())
            .collect()
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        root
    }

    #[test]
    fn what_git_ignores_is_left_out_unless_all_is_wanted() {
        let root = tree(&["a.py", ".env", "out/b.txt", ".git/config", ".github/ci.yml"]);
        std::fs::write(root.path().join(".gitignore"), "out/\n").unwrap();
        let usual = names(root.path(), &WalkOptions::default());
        assert_eq!(usual, [".env", ".github/ci.yml", ".gitignore", "a.py"]);
        let all = WalkOptions {
            no_ignore: true,
            ..WalkOptions::default()
        };
        assert!(names(root.path(), &all).contains(&"out/b.txt".to_owned()));
        let fewer = WalkOptions {
            exclude: vec!["*.py".to_owned(), ".github/".to_owned()],
            ..WalkOptions::default()
        };
        assert_eq!(names(root.path(), &fewer), [".env", ".gitignore"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_named_and_not_followed() {
        let root = tree(&["a"]);
        std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();
        let (entries, unread) = walk(&[root.path().to_owned()], &WalkOptions::default()).unwrap();
        assert_eq!(entries.len(), 1);
        assert!(unread[0].reason.contains("symbolic link"), "{unread:?}");
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let missing = walk(&[PathBuf::from("no/such/place")], &WalkOptions::default());
        assert!(matches!(missing, Err(WalkError::Missing { .. })));
    }
}
