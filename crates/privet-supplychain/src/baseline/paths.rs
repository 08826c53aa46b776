//! Globs over the paths of findings.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Most globs of one list; each costs memory in one automaton.
const MOST_GLOBS: usize = 4_096;

/// Longest glob, in bytes.
const LONGEST_GLOB: usize = 1_024;

/// Deepest nesting of `{…}` in a glob: `{a,{b,{c}}}` has three.
const DEEPEST_BRACES: usize = 4;

/// Most alternatives (`,`) in one glob.
const MOST_ALTERNATIVES: usize = 256;

/// A glob that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("glob {position}: {what}")]
pub struct BadGlob {
    /// Which one of its list, from 1.
    pub position: usize,
    /// What is wrong.
    pub what: String,
}

/// Globs of one list: `*` and `?` within a folder, `**` across folders, `[a-z]`, `{a,b}`. A glob without `/` matches a name in any
/// folder; one that matches a folder matches all below it; `/` in front ties it to the root of the scan.
#[derive(Debug, Clone)]
pub struct PathGlobs(GlobSet);

impl PathGlobs {
    /// Compiles `globs`.
    ///
    /// # Errors
    /// [`BadGlob`] for the first one that is empty, too long, or not a glob.
    pub fn new<S: AsRef<str>>(globs: &[S]) -> Result<Self, BadGlob> {
        let bad = |position: usize, what: &str| BadGlob {
            position,
            what: what.to_owned(),
        };
        if globs.len() > MOST_GLOBS {
            return Err(bad(MOST_GLOBS + 1, "too many globs; 4096 are allowed"));
        }
        let mut set = GlobSetBuilder::new();
        for (index, glob) in globs.iter().enumerate() {
            let position = index + 1;
            let glob = glob.as_ref();
            check(glob).map_err(|what| bad(position, what))?;
            let folder = glob.trim_end_matches('/');
            let rooted = match folder.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if folder.contains('/') => folder.to_owned(),
                None => format!("**/{folder}"),
            };
            for pattern in [rooted.clone(), format!("{rooted}/**")] {
                let glob = GlobBuilder::new(&pattern)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map_err(|error| bad(position, &error.kind().to_string()))?;
                set.add(glob);
            }
        }
        set.build()
            .map(Self)
            .map_err(|_| bad(1, "the globs together are too large to be compiled"))
    }

    /// Whether one of them matches `path`, or the file on disk that `path` lies in.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let file = file_of(path);
        self.0.is_match(file) || (file.len() != path.len() && self.0.is_match(without_commit(path)))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check(glob: &str) -> Result<(), &'static str> {
    if glob.trim_matches('/').is_empty() {
        return Err("it is empty");
    }
    if glob.len() > LONGEST_GLOB {
        return Err("it is longer than 1024 bytes");
    }
    let mut depth = 0_usize;
    let mut commas = 0_usize;
    for byte in glob.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' => commas += 1,
            _ => {}
        }
        if depth > DEEPEST_BRACES || commas > MOST_ALTERNATIVES {
            return Err("it has too many alternatives");
        }
    }
    Ok(())
}

/// The file on disk in which the `path` of a finding lies: without `COMMIT:` before it and members of archives after it.
#[must_use]
pub fn file_of(path: &str) -> &str {
    let path = without_commit(path);
    path.split_once("!/").map_or(path, |(file, _)| file)
}

/// `path` without `COMMIT:`, which is 7 to 64 hexadecimal digits (SHA-1 or SHA-256 of git, or an abbreviation).
fn without_commit(path: &str) -> &str {
    match path.split_once(':') {
        Some((commit, rest))
            if (7..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            rest
        }
        _ => path,
    }
}
