//! `privet scan`: files before they are shared.

mod advisories;
mod git;
mod inputs;
mod key;
mod mend;
mod options;
mod outcome;
mod quarantine;
mod serve;
mod show;
mod work;

use std::process::ExitCode;

use anyhow::{Context, Result};
use privet_supplychain::fix;

use crate::rim;
pub(crate) use options::ScanArgs;
use options::{Hook, ScanCommand};

/// Findings at or above what fails the scan.
const FOUND: u8 = 1;
/// Something could not be looked at.
const INCOMPLETE: u8 = 3;

/// Runs the command.
///
/// # Errors
/// For wrong usage, and for files that cannot be read or written.
pub(crate) fn run(args: &ScanArgs) -> Result<ExitCode> {
    match &args.command {
        None if args.serve => serve::run(args),
        None => outcome::scan(args),
        Some(ScanCommand::Update(update)) => advisories::update(update),
        Some(ScanCommand::ImportNbdefense(import)) => {
            let text = std::fs::read_to_string(&import.file)
                .with_context(|| format!("cannot read `{}`", import.file.display()))?;
            let settings = fix::import_nbdefense(&text)
                .with_context(|| format!("cannot import `{}`", import.file.display()))?;
            rim::say(settings.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Some(ScanCommand::Hook(hook)) => {
            rim::say(
                match hook.kind {
                    Hook::Git => fix::hooks::GIT_PRE_COMMIT,
                    Hook::PreCommit => fix::hooks::PRE_COMMIT_HOOKS,
                    Hook::Jupyter => fix::hooks::JUPYTER_PRE_SAVE,
                }
                .trim_end(),
            )?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes a file as a whole or not at all; what was there is replaced.
fn replace_file(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".privet-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}
