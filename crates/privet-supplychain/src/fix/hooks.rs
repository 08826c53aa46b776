//! Texts of hooks that run `privet scan` before a commit, and before Jupyter saves.

/// `.git/hooks/pre-commit`: refuses a commit while the staged files have findings. A missing `privet` refuses too.
///
/// Source: `githooks(5)`.
pub const GIT_PRE_COMMIT: &str = r#"#!/bin/sh
# Keeps secrets, personal data and unsafe models out of commits.
# To commit in spite of a finding: mend it, or allow it with a reason in privet.toml.
if ! command -v privet >/dev/null 2>&1; then
    echo "pre-commit: privet is not on the PATH, so nothing was scanned and the commit is refused" >&2
    exit 1
fi
exec privet scan --staged
"#;

/// `.pre-commit-hooks.yaml`: what a repository offers to the `pre-commit` tool.
///
/// Source: <https://pre-commit.com/#creating-new-hooks>.
pub const PRE_COMMIT_HOOKS: &str = "\
- id: privet-scan
  name: privet scan
  description: Finds secrets, personal data, injections, unsafe models, known holes and licences in staged files.
  entry: privet scan --staged
  language: system
  pass_filenames: false
  require_serial: true
  stages: [pre-commit]
";

/// For `jupyter_server_config.py`: scans a notebook before it is saved, without a file for it. What is found refuses the save
/// (`PRIVET_ON_FINDING = \"refuse\"`) or is logged (`\"warn\"`). A scan that does not run refuses it too.
///
/// Only `tornado.web.HTTPError` makes Jupyter refuse; it logs any other exception and saves.
///
/// Source: <https://jupyter-server.readthedocs.io/en/latest/developers/savehooks.html>; exit codes of `privet scan`: 0 nothing
/// found, 1 something found, 2 wrong usage, 3 incomplete.
pub const JUPYTER_PRE_SAVE: &str = r#"# Scans notebooks for secrets and personal data before they are saved.
# Append this to jupyter_server_config.py (`jupyter server --generate-config` writes one).
import json
import subprocess

from tornado.web import HTTPError

PRIVET_COMMAND = "privet"
PRIVET_ON_FINDING = "refuse"  # or "warn"
PRIVET_TIMEOUT_SECONDS = 30


def privet_pre_save(model, path, contents_manager, **kwargs):
    """Runs `privet scan` on the notebook, which it reads from its standard input."""
    if model.get("type") != "notebook" or model.get("content") is None:
        return
    text = json.dumps(model["content"], ensure_ascii=False, indent=1)
    command = [PRIVET_COMMAND, "scan", "--format", "jsonl", "--stdin-name", path.lstrip("/") or "notebook.ipynb", "-"]
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "surrogatepass"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=PRIVET_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HTTPError(500, reason="Not saved: privet did not run") from error
    if done.returncode == 0:
        return
    if done.returncode != 1:
        raise HTTPError(500, reason="Not saved: privet could not scan the notebook")
    places = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        try:
            finding = json.loads(line)
        except ValueError:
            continue
        if isinstance(finding, dict) and finding.get("rule"):
            places.append("{} ({})".format(finding["rule"], finding.get("place") or "notebook"))
    found = "{} finding(s): {}".format(len(places), "; ".join(places[:5]))
    contents_manager.log.warning("privet: %s: %s", path, found)
    if PRIVET_ON_FINDING != "warn":
        # A reason of HTTP is one line of ASCII.
        raise HTTPError(400, reason="Not saved: " + found.encode("ascii", "replace").decode("ascii"))


c.FileContentsManager.pre_save_hook = privet_pre_save  # noqa: F821
"#;
