//! What a figure is worth depends on: machine, versions, date.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;

/// Where and when a run was made.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// The file system under the stores; an fsync costs what it costs there.
    pub(crate) disk: String,
    /// One-minute load average when the run began: above zero, others were at work, too.
    pub(crate) load: String,
    pub(crate) rustc: String,
    /// Of the working copy this was started in.
    pub(crate) commit: String,
    pub(crate) privet: String,
}

impl Facts {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is a rim: it says when it was run"
    )]
    pub(crate) fn collect(privet: &Path, dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory
            .split_whitespace()
            .next()
            .and_then(|n| n.parse::<f64>().ok());
        Self {
            date: Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.unwrap_or_default() / 1_048_576.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: file_system(&read("/proc/mounts"), dir),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned(),
            rustc: said(Command::new("rustc").arg("-V")),
            commit: commit(),
            privet: said(Command::new(privet).arg("--version")),
        }
    }
}

fn commit() -> String {
    let head = said(Command::new("git").args(["rev-parse", "--short", "HEAD"]));
    let changed = said(Command::new("git").args(["status", "--porcelain"]));
    if changed.is_empty() || changed == "unknown" {
        head
    } else {
        format!("{head} and changes not committed")
    }
}

/// The kind of the mount that holds `dir`.
fn file_system(mounts: &str, dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    mounts
        .filter(|(at, _)| dir.starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .map_or("unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /no-such-folder tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/no-such-folder/x")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/no-such-other")), "ext4");
    }
}
