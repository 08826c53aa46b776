//! Other gateways, measured in the same run: each is a command that is started in front of the mock.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::error::Error;
use crate::mock;
use crate::process::{Running, free_address, wait_until_ready};

/// What `--peers FILE` says of one of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// For `sh -c`; `{port}` and `{upstream}` are put in.
    command: String,
    pub(crate) key: String,
    headers: Vec<(String, String)>,
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct RunningPeer {
    pub(crate) process: Running,
    pub(crate) address: SocketAddr,
    pub(crate) headers: Vec<(String, String)>,
    // Removed after the process has ended: fields drop in order.
    _folder: TempDir,
}

/// Reads the file: a list of objects with `name`, `command`, and where they are needed `key` and `headers`.
pub(crate) fn read(path: &Path) -> Result<Vec<Peer>, Error> {
    let text = fs::read_to_string(path).map_err(Error::io(format!("cannot read `{}`", path.display())))?;
    let wrong = |what: &str| Error::Usage(format!("`--peers {}`: {what}", path.display()));
    let list: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let list = list.as_array().ok_or_else(|| wrong("it is no list"))?;
    let peers = list.iter().map(|peer| {
        let text = |key: &str| peer.get(key).and_then(Value::as_str).map(str::to_owned);
        let headers = peer.get("headers").and_then(Value::as_object);
        let headers = headers.into_iter().flatten();
        Some(Peer {
            name: text("name")?,
            command: text("command")?,
            key: text("key").unwrap_or_else(|| mock::KEY.to_owned()),
            headers: headers
                .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
        })
    });
    peers
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| wrong("each needs a `name` and a `command`; `headers` are texts"))
}

impl Peer {
    /// Starts it in front of `mock`, and waits until it takes connections.
    pub(crate) fn start(&self, dir: &Path, mock: SocketAddr) -> Result<RunningPeer, Error> {
        let folder = tempfile::Builder::new()
            .prefix("privet-bench-peer-")
            .tempdir_in(dir)
            .map_err(Error::io(format!("cannot make a folder in `{}`", dir.display())))?;
        let address = free_address()?;
        let upstream = format!("http://{mock}{}/v1", mock::PLAIN);
        let put_in = |text: &str| {
            text.replace("{port}", &address.port().to_string())
                .replace("{upstream}", &upstream)
        };
        let log = folder.path().join("log");
        let what = || Error::io(format!("cannot start `{}`", self.name));
        let out = fs::File::create(&log).map_err(what())?;
        let err = out.try_clone().map_err(what())?;
        let mut command = Command::new("sh");
        command
            .args(["-c", &put_in(&self.command)])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let mut process = Running::family(command.spawn().map_err(what())?);
        wait_until_ready(&self.name, &mut process, address, &log)?;
        Ok(RunningPeer {
            process,
            address,
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), put_in(value)))
                .collect(),
            _folder: folder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Peer>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_peer_is_a_command_with_headers() {
        let peers = read_text(
            r#"[{"name": "a", "command": "run {port}"}, {"name": "b", "command": "x", "key": "k", "headers": {"x-host": "{upstream}"}}]"#,
        )
        .unwrap();
        assert_eq!(peers[0].key, mock::KEY);
        assert_eq!(peers[1].headers, [("x-host".to_owned(), "{upstream}".to_owned())]);
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        for text in [
            "{}",
            r#"[{"name": "a"}]"#,
            r#"[{"name": "a", "command": "b", "headers": {"x": 1}}]"#,
            "[",
        ] {
            assert!(
                read_text(text).unwrap_err().to_string().contains("--peers"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_peer_that_ends_at_once_shows_what_it_said() {
        let mut peers =
            read_text(r#"[{"name": "broken", "command": "echo no such option; exit 3"}]"#).unwrap();
        let mock = "127.0.0.1:9".parse().unwrap();
        let error = peers
            .remove(0)
            .start(&std::env::temp_dir(), mock)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("broken") && error.contains("no such option"),
            "{error}"
        );
    }
}
