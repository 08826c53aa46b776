//! The token that callers send, and the file it is in.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use data_encoding::BASE64URL_NOPAD;
use privet_types::Secret;

use crate::rim;
use crate::scan::key;

/// The file's name in one's own folder.
const NAME: &str = "scan-serve.token";
/// Fewest characters of a token that somebody else made: 128 bits in hexadecimal digits.
const FEWEST: usize = 32;

/// The token of `path`, or of the file in one's own folder, which is made if it is missing: 256 random bits, for its owner alone.
pub(super) fn open(path: Option<&Path>) -> Result<(Secret<String>, PathBuf)> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => match key::folder("XDG_DATA_HOME", ".local/share") {
            Some(folder) => folder.join(NAME),
            None => bail!(
                "there is no place for the token: neither XDG_DATA_HOME nor HOME is set; name a file with `--token-file`"
            ),
        },
    };
    if !path.exists() {
        let token = Secret::new(BASE64URL_NOPAD.encode(&privet_crypto::random::<32>()?));
        let made = rim::write_new(&path, token.expose().as_bytes());
        // Another one may have made it just now.
        if let Err(error) = made
            && !path.exists()
        {
            return Err(error.context(format!("cannot write the token to `{}`", path.display())));
        }
    }
    let token = read(&path)?;
    Ok((token, path))
}

fn read(path: &Path) -> Result<Secret<String>> {
    let named = || format!("cannot read the token from `{}`", path.display());
    let mode = std::fs::metadata(path).with_context(named)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "others may read or write the token in `{0}`; remove it, and a new one is made, or make it yours alone: chmod 600 {0}",
            path.display()
        );
    }
    let text = Secret::new(std::fs::read_to_string(path).with_context(named)?);
    let token = text.expose().trim();
    if token.len() < FEWEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!(
            "the token in `{}` is shorter than {FEWEST} characters, or has others than letters, digits and signs; remove it, and a new one is made",
            path.display()
        );
    }
    Ok(Secret::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/token");
        let (made, at) = open(Some(&path)).unwrap();
        assert_eq!((made.expose().len(), at.as_path()), (43, path.as_path()));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (again, _) = open(Some(&path)).unwrap();
        assert_eq!(made.expose(), again.expose());
        let (other, _) = open(Some(&folder.path().join("other"))).unwrap();
        assert_ne!(made.expose(), other.expose());
    }

    #[test]
    fn a_token_that_others_can_read_or_guess_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        open(Some(&path)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(Some(&path)).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        std::fs::write(&path, "guess-me\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = open(Some(&path)).unwrap_err().to_string();
        assert!(
            error.contains("is shorter") && !error.contains("guess-me"),
            "{error}"
        );
    }
}
