//! The folder of a run: its log, its reports, and transcripts where they are wanted.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use privet_redteam::{Finished, Header, Plan, Report, RunLog, Transcript, html, junit, sarif};
use serde_json::json;

use super::options::RunArgs;

/// The log's name.
const LOG: &str = "run.jsonl";

/// A run's folder.
pub(super) struct Folder {
    path: PathBuf,
    log: RunLog,
    file: File,
    transcripts: Option<File>,
}

impl Folder {
    /// Opens the folder, and the log in it: a new one, or with `--resume` the one that is there.
    ///
    /// # Errors
    /// If it cannot be written, or holds another run.
    pub(super) fn open(path: &Path, plan: &Plan, target: &str, model: &str, args: &RunArgs) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder `{}`", path.display()))?;
        let at = path.join(LOG);
        let cannot = || format!("cannot write `{}`", at.display());
        let header = Header::new(plan, target, model);
        if at.exists() && !args.resume {
            bail!(
                "the folder `{}` holds a run already; go on with it with `--resume`, or choose another folder",
                path.display()
            );
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&at)
            .with_context(cannot)?;
        // Two runs would write over each other.
        if file.try_lock().is_err() {
            bail!(
                "another run is writing to `{}`; wait for it, or choose another folder",
                path.display()
            );
        }
        let text = fs::read(&at).with_context(|| format!("cannot read `{}`", at.display()))?;
        let log = RunLog::read(&String::from_utf8_lossy(&text), &header)
            .with_context(|| format!("`{}`", at.display()))?;
        file.set_len(log.good_bytes() as u64).with_context(cannot)?;
        file.seek(SeekFrom::End(0)).with_context(cannot)?;
        if log.good_bytes() == 0 {
            file.write_all(header.to_line().as_bytes()).with_context(cannot)?;
        }
        let transcripts = if args.keep_transcripts {
            let at = path.join("transcripts.jsonl");
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&at);
            Some(file.with_context(|| format!("cannot write `{}`", at.display()))?)
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            log,
            file,
            transcripts,
        })
    }

    /// What is finished.
    pub(super) const fn log(&self) -> &RunLog {
        &self.log
    }

    /// Writes down that a conversation has ended.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn add(&mut self, finished: Finished, transcript: &Transcript) -> Result<()> {
        if let Some(file) = &mut self.transcripts {
            let calls: Vec<_> = transcript
                .calls
                .iter()
                .map(|call| json!({"name": call.name, "arguments": call.arguments}))
                .collect();
            let line = json!({"trial": finished.trial().id(), "verdict": finished.verdict, "replies": transcript.replies,
                              "calls": calls, "fetched": transcript.fetched});
            writeln!(file, "{line}").context("cannot write the transcript")?;
        }
        self.file
            .write_all(finished.to_line().as_bytes())
            .context("cannot write the log of the run")?;
        self.log.add(finished);
        Ok(())
    }

    /// Writes all reports, each whole or not at all.
    ///
    /// # Errors
    /// If one cannot be written.
    pub(super) fn write_reports(&self, report: &Report) -> Result<()> {
        self.file.sync_all().context("cannot write the log of the run")?;
        for (name, text) in [
            ("report.json", report.to_json()),
            ("report.html", html(report)),
            ("report.sarif", sarif(report)),
            ("report.junit.xml", junit(report)),
        ] {
            let at = self.path.join(name);
            let written = || -> Result<()> {
                let mut file = tempfile::Builder::new()
                    .prefix(".privet-")
                    .tempfile_in(&self.path)?;
                file.write_all(text.as_bytes())?;
                file.persist(&at)?;
                Ok(())
            };
            written().with_context(|| format!("cannot write `{}`", at.display()))?;
        }
        Ok(())
    }
}
