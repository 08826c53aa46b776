//! Playbooks of incidents, as TOML.

use std::path::Path;

use privet_watch::incident::Playbook;

use crate::key_path::KeyPath;
use crate::{Error, document};

/// Most steps of a playbook.
const MOST_STEPS: usize = 100;

/// Reads a playbook: a `title` and a list of `steps`. `path` is where the text came from, for errors; it is not read.
///
/// # Errors
/// [`Error`] at the first fault, with its line, column and key.
pub fn playbook(text: &str, path: &Path) -> Result<Playbook, Error> {
    document::read(text, path, |playbook: Playbook| {
        if playbook.title.trim().is_empty() {
            return Err(KeyPath::of("title").fault("say in a few words what has happened"));
        }
        if playbook.steps.is_empty() || playbook.steps.len() > MOST_STEPS {
            return Err(KeyPath::of("steps").fault(format!("list 1 to {MOST_STEPS} steps")));
        }
        Ok(playbook)
    })
}

#[cfg(test)]
mod tests {
    use privet_watch::incident::IncidentKind;

    use super::*;

    #[test]
    fn every_playbook_that_ships_can_be_read() {
        for kind in IncidentKind::ALL {
            let read = playbook(kind.playbook_toml(), Path::new("playbook.toml"));
            assert!(read.is_ok_and(|playbook| playbook.steps.len() >= 4), "{kind}");
        }
        assert!(playbook("title = \"x\"\nsteps = []\n", Path::new("p.toml")).is_err());
    }
}
