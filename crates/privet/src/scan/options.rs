//! What `privet scan` can be told.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object a finding.
    Jsonl,
    /// The whole report as JSON (schema/scan-report.schema.json).
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX 1.6 with models, libraries and vulnerabilities.
    Cyclonedx,
    /// A page of its own, for a browser.
    Html,
    /// Annotations of GitHub Actions.
    Github,
    /// GitLab's Code Quality.
    Gitlab,
}

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Wanted {
    /// Credentials.
    Secret,
    /// Personal data.
    Pii,
    /// Attacks on models in documents and outputs.
    Injection,
    /// Model files that run code.
    Model,
    /// Known holes, and dependencies without a pin.
    Dependency,
    /// Licences that are not allowed.
    Licence,
}

/// A severity at which the exit status is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Any finding.
    Low,
    /// Medium and worse.
    Medium,
    /// High and worse.
    High,
    /// Critical only.
    Critical,
    /// None.
    Never,
}

/// How notebooks are mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Mend {
    /// Outputs with findings go.
    Clear,
    /// Found values are replaced where they stand.
    Redact,
}

#[derive(Subcommand)]
pub(crate) enum ScanCommand {
    /// Compile advisories (OSV) into the index that scans look up.
    Update(UpdateArgs),
    /// Read NB Defense's settings and print Privet's.
    ImportNbdefense(ImportArgs),
    /// Print a hook: for git, for pre-commit, or for Jupyter.
    Hook(HookArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  privet scan update --from https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
  privet scan update --from PyPI-all.zip --from npm-all.zip
  privet scan update --from advisories/ --out office.osv
There are npm, crates.io and Go beside PyPI. This is the only command of `privet scan` that fetches anything.")]
pub(crate) struct UpdateArgs {
    /// A folder of OSV JSON files, an `all.zip` of an ecosystem, or JSON Lines (`.gz` too); or the https address of such a file.
    #[arg(long, required = true, value_name = "PATH|URL")]
    pub(super) from: Vec<String>,
    /// Where the index goes; without it to where scans look.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Certificates (PEM) to trust instead of the usual ones; without it SSL_CERT_FILE.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Most that is downloaded from one address, in MiB.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(super) max_mib: u64,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// NB Defense's `settings.toml`.
    pub(super) file: PathBuf,
}

/// For whom a hook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Hook {
    /// `.git/hooks/pre-commit`.
    Git,
    /// `.pre-commit-hooks.yaml` of the pre-commit framework.
    PreCommit,
    /// `jupyter_server_config.py`: runs before a notebook is saved.
    Jupyter,
}

#[derive(Args)]
#[command(after_help = "Example:
  privet scan hook git > .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit")]
pub(crate) struct HookArgs {
    /// Which.
    pub(super) kind: Hook,
}

/// Find secrets, personal data, attacks on models, unsafe model files, known holes and licences in files, before they are shared.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  privet scan .
  privet scan notebooks/ --fix clear --backup
  privet scan . --format sarif --output scan.sarif
  privet scan --staged
  privet scan . --history --category secret
  privet scan models/ --quarantine /srv/quarantine
  privet scan . --write-baseline .privet-baseline.json
  privet scan --serve

Exit status: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage, 3 something could not be looked at."
)]
pub(crate) struct ScanArgs {
    #[command(subcommand)]
    pub(super) command: Option<ScanCommand>,
    /// Files and folders; `-` is standard input.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// How findings are shown.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// A file for the report in the place of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Only these kinds of trouble.
    #[arg(long = "category", value_enum, value_delimiter = ',', value_name = "KIND")]
    pub(super) categories: Vec<Wanted>,
    /// The least severity at which the exit status is 1; any finding if neither this nor the settings say.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(super) fail_on: Option<FailOn>,
    /// Scan also what `.gitignore` and `.ignore` leave out.
    #[arg(long)]
    pub(super) no_ignore: bool,
    /// Leave out files and folders, as in `.gitignore`.
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Scan what would be committed now, as git has it.
    #[arg(long, conflicts_with = "history")]
    pub(super) staged: bool,
    /// Scan each file of all commits, too.
    #[arg(long)]
    pub(super) history: bool,
    /// The name of what comes on standard input.
    #[arg(long, value_name = "NAME")]
    pub(super) stdin_name: Option<String>,
    /// Rules of gitleaks beside Privet's own.
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Vec<PathBuf>,
    /// Findings that are known already.
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Write the findings of this scan down as known.
    #[arg(long, value_name = "FILE")]
    pub(super) write_baseline: Option<PathBuf>,
    /// Mend notebooks in place: outputs only.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) fix: Option<Mend>,
    /// With `--fix`: redact what stands in the source of cells, too.
    #[arg(long, requires = "fix")]
    pub(super) fix_source: bool,
    /// With `--fix`: keep each file as `NAME.bak`.
    #[arg(long, requires = "fix")]
    pub(super) backup: bool,
    /// Move model files that are dangerous or unreadable into this folder, with a manifest.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["staged", "history"])]
    pub(super) quarantine: Option<PathBuf>,
    /// Look at each file anew.
    #[arg(long)]
    pub(super) no_cache: bool,
    /// The settings file, whose `[scan]` is used; `privet.toml` if that is there.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where fingerprints get their key: `env:NAME` or `file:PATH`. Without it from a file of one's own, made when it is missing.
    #[arg(long, value_name = "REFERENCE")]
    pub(super) key: Option<String>,
    /// Files that are scanned at once; as many as there are processors if left out.
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    /// Answer on 127.0.0.1 what editors ask: what is in a notebook, and how it looks mended. Nothing is kept.
    #[arg(
        long,
        conflicts_with_all = [
            "paths", "format", "output", "fail_on", "no_ignore", "exclude", "staged", "history", "stdin_name", "write_baseline", "fix",
            "quarantine",
        ]
    )]
    pub(super) serve: bool,
    /// With `--serve`: the port; 0 takes a free one.
    #[arg(long, requires = "serve", value_name = "N", default_value_t = 8789)]
    pub(super) port: u16,
    /// With `--serve`: the file with the token that callers send; made if it is missing. Without it one of one's own.
    #[arg(long, requires = "serve", value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// With `--serve`: pages of this origin may ask too, such as `http://localhost:8888`.
    #[arg(long, requires = "serve", value_name = "ORIGIN")]
    pub(super) allow_origin: Vec<String>,
}
