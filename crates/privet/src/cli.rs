//! What can be called, and how it explains itself.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    audit, demo, guard, key, keyring, kill, mcp, model, people, pii, policy, redteam, scan, serve,
    store_status, update, vault, watch,
};

/// Use generative AI without giving private data away.
///
/// Privet stands between people or apps and model providers: private values in a prompt leave as surrogates, and come
/// back as themselves in the reply.
#[derive(Parser)]
#[command(
    name = "privet",
    version,
    max_term_width = 100,
    after_help = "Try it: privet demo"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start a throw-away gateway with a local demo provider, and watch what it masks.
    Demo(DemoArgs),
    /// Run the gateway.
    Serve(ServeArgs),
    /// Make, list and revoke API keys.
    #[command(
        subcommand,
        after_help = "Examples:
  privet key create --name ann
  privet key list
  privet key revoke ID"
    )]
    Key(KeyCommand),
    /// Make people known, and say what they may do.
    #[command(
        subcommand,
        after_help = "Examples:
  privet user create ann --role developer
  privet user invite ann
  privet user list
  privet user disable ann"
    )]
    User(people::UserCommand),
    /// Make service accounts, and say what they may do.
    #[command(
        subcommand,
        after_help = "Examples:
  privet service create crm --role service
  privet key create --name crm --scope vault.read"
    )]
    Service(people::PrincipalCommand),
    /// Make groups, and say what their members may do.
    #[command(
        subcommand,
        after_help = "Examples:
  privet group create research --role user
  privet group add research ann"
    )]
    Group(people::GroupCommand),
    /// Switch whole tenants off and on.
    #[command(subcommand)]
    Tenant(people::TenantCommand),
    /// Cut callers, models, providers or everything off at once, and let them back in.
    #[command(
        subcommand,
        after_help = "Examples:
  privet kill on principal ann --reason 'laptop stolen'
  privet kill on all --reason 'incident 7' --for 2h
  privet kill on all --reason 'store down, incident 7' --shared
  privet kill on all --reason 'store down, incident 7' --local
  privet kill list
  privet kill off ID"
    )]
    Kill(kill::KillCommand),
    /// See which tools of others were seen, and take those that have changed.
    #[command(
        subcommand,
        after_help = "Examples:
  privet mcp tools
  privet mcp accept crm find_customer"
    )]
    Mcp(mcp::McpCommand),
    /// Look through the policies that say who may do what, and see why they decide as they do.
    #[command(
        subcommand,
        after_help = "Examples:
  privet policy show
  privet policy check
  privet policy explain --user ann --model gpt-4.1
  privet policy review"
    )]
    Policy(policy::PolicyCommand),
    /// Make, sign, check and install signed policies, rules and lists, and go back to earlier ones.
    #[command(
        subcommand,
        after_help = "Examples:
  privet update build office/ --kind policy --version 7 --out office-7.privet
  privet update sign office-7.privet --key ann.key
  privet update verify office-7.privet
  privet update install office-7.privet
  privet update rollback policy"
    )]
    Update(update::UpdateCommand),
    /// Find personal data in texts, take it out, put it back, and measure how well that works.
    #[command(
        subcommand,
        after_help = "Examples:
  privet pii detect letter.txt
  privet pii anonymize letter.txt --output clean.txt
  privet pii eval --gold gold.jsonl"
    )]
    Pii(Box<pii::PiiCommand>),
    /// Find attacks on language models in texts, and measure how well that works.
    #[command(
        subcommand,
        after_help = "Examples:
  privet guard check mail.txt --channel document
  privet guard eval --data marked.jsonl
  privet guard calibrate --data prompts.jsonl --out guard.json"
    )]
    Guard(Box<guard::GuardCommand>),
    /// Find secrets, personal data, attacks on models, unsafe model files, known holes and licences in files, before they are shared.
    Scan(Box<scan::ScanArgs>),
    /// Sign, check, seal and open model files.
    #[command(
        subcommand,
        after_help = "Examples:
  privet model sign churn.safetensors --licence Apache-2.0 --dataset sales-2024 --scan
  privet model verify churn.safetensors
  privet model seal churn.safetensors
  privet model open churn.safetensors.sealed --output churn.safetensors"
    )]
    Model(model::ModelCommand),
    /// Attack a model or a gateway with made-up probes, and measure how often that works.
    #[command(
        subcommand,
        after_help = "Examples:
  privet redteam run --weak --compare --out redteam/
  privet redteam run --target http://127.0.0.1:11434/v1 --model llama3 --out redteam/
  privet redteam run --list"
    )]
    Redteam(Box<redteam::RedteamCommand>),
    /// Export the signed log of decisions and changes, check it, and look at it.
    #[command(
        subcommand,
        after_help = "Examples:
  privet audit tail
  privet audit export log/
  privet audit key > log.pub
  privet audit verify log/ --key log.pub"
    )]
    Audit(audit::AuditCommand),
    /// Look after the keys of tenants and subjects, and the root key above them.
    #[command(
        subcommand,
        after_help = "Examples:
  privet keyring status
  privet keyring rotate epoch
  privet keyring rotate root --new new-root.key
  privet keyring lock --out privet-data/root.lock"
    )]
    Keyring(keyring::KeyringCommand),
    /// See which schema the databases have, and who may work on them.
    #[command(
        subcommand,
        after_help = "Example:
  privet store status"
    )]
    Store(store_status::StoreCommand),
    /// Back the vault up, bring it back, and forget people.
    #[command(
        subcommand,
        after_help = "Examples:
  privet vault backup --out backups/
  privet vault verify-backup backups/*.privet
  privet vault forget --tenant acme --email - --reason request --dry-run"
    )]
    Vault(vault::VaultCommand),
    /// See what was unusual, and who was stopped for it.
    #[command(
        subcommand,
        after_help = "Examples:
  privet alert list --open
  privet alert show ID
  privet alert close ID"
    )]
    Alert(watch::AlertCommand),
    /// Work on incidents: playbooks, the 72 hours, who is affected, and signed evidence.
    #[command(
        subcommand,
        after_help = "Examples:
  privet incident open leaked_key --title 'key in a repository' --principal ci
  privet incident list
  privet incident affected ID
  privet incident bundle ID --out evidence/
  privet incident verify evidence/ --key log.pub"
    )]
    Incident(Box<watch::IncidentCommand>),
}

#[derive(Args)]
#[command(after_help = "Examples:
  privet demo                       watch live; send requests with the printed curl line
  privet demo --once                run one scripted conversation; exit 1 if anything private got out
  privet demo --style realistic     surrogates that look like real values")]
pub(crate) struct DemoArgs {
    /// Run one scripted conversation, print it, and end: 0 if nothing private reached the provider, else 1.
    #[arg(long)]
    pub(crate) once: bool,
    /// Port on 127.0.0.1; another one is taken if it is in use.
    #[arg(long, default_value_t = 8787)]
    pub(crate) port: u16,
    /// What private values are replaced by.
    #[arg(long, value_enum, default_value_t = Style::Tag)]
    pub(crate) style: Style,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Style {
    /// `<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>`
    Tag,
    /// Made-up values that belong to nobody.
    Realistic,
}

#[derive(Args)]
#[command(after_help = "Examples:
  privet serve --print-example > privet.toml     write commented settings, then edit them
  privet serve --print-policy > policy.toml      write the commented default policy
  privet serve --config privet.toml --check      say what is wrong, if anything, and end
  privet serve --config privet.toml")]
pub(crate) struct ServeArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// Print commented example settings and end.
    #[arg(long, conflicts_with_all = ["check", "print_policy"])]
    pub(crate) print_example: bool,
    /// Print the commented default policy and end.
    #[arg(long, conflicts_with = "check")]
    pub(crate) print_policy: bool,
    /// Read settings, policy and key references, report the first mistake, and end.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key. It is printed once and kept nowhere.
    #[command(after_help = "Examples:
  privet key create --name ann                   a key for ann that does not expire
  privet key create --name ci --expires 90d      a key that expires in 90 days
  privet key create --name crm --scope vault.read --scope vault.write
                                                 a key for the vault's records, not for prompts")]
    Create(KeyCreateArgs),
    /// List all keys, by their ids; the keys themselves are not stored.
    #[command(after_help = "Examples:
  privet key list
  privet key list --format jsonl | jq -r 'select(.state == \"active\") | .id'
  privet key list --unused-since 90d             good keys that nobody used in the last 90 days")]
    List(KeyListArgs),
    /// Make a key that takes the place of another one, which works beside it for a while.
    #[command(after_help = "Examples:
  privet key rotate 3f8k2m1qv7ab                 the former key works for another 24 hours
  privet key rotate 3f8k2m1qv7ab --grace 0s      the former key is refused within a second")]
    Rotate(KeyRotateArgs),
    /// Revoke a key. Running gateways refuse it within a second.
    #[command(after_help = "Example:
  privet key revoke 3f8k2m1qv7ab           the id that `privet key list` shows
  privet key revoke 3f8k2m1qv7ab --line    with the keys whose place it took, and those that took its place")]
    Revoke(KeyRevokeArgs),
}

#[derive(Args)]
pub(crate) struct KeyCreateArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// Who will use the key: a person or a service.
    #[arg(long)]
    pub(crate) name: String,
    /// What the key is good for; may be given several times: gateway (the default), vault.read, vault.write, vault.bulk,
    /// vault.approve, vault.erase, vault.audit, vault.admin, or vault for all of the vault; metrics; watch.read, watch.manage; kill;
    /// key.read, key.manage, people.read, people.manage.
    #[arg(long = "scope")]
    pub(crate) scopes: Vec<String>,
    /// Whose installation space the key opens; `default` if left out.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// How long the key is good for, such as 12h or 90d; without it, until revoked.
    #[arg(long)]
    pub(crate) expires: Option<String>,
}

#[derive(Args)]
pub(crate) struct KeyListArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// A table for people, or one JSON object per line.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Only keys that are good, and that nobody has used for so long, such as 90d; one that was never used counts from its making.
    #[arg(long)]
    pub(crate) unused_since: Option<String>,
}

#[derive(Args)]
pub(crate) struct KeyRotateArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// The key's id, as `privet key list` shows it.
    pub(crate) id: String,
    /// How long the former key works beside the new one, such as 24h or 7d; 90d at most.
    #[arg(long, default_value = "24h")]
    pub(crate) grace: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns.
    Table,
    /// JSON Lines.
    Jsonl,
}

#[derive(Args)]
pub(crate) struct KeyRevokeArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    pub(crate) config: PathBuf,
    /// The key's id, as `privet key list` shows it.
    pub(crate) id: String,
    /// Also the keys whose place it took by rotation, and those that took its place.
    #[arg(long)]
    pub(crate) line: bool,
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Demo(args) => demo::run(&args),
            Self::Serve(args) => serve::run(&args),
            Self::Key(command) => key::run(command),
            Self::User(command) => people::user(command),
            Self::Service(command) => people::service(command),
            Self::Group(command) => people::group(command),
            Self::Tenant(command) => people::tenant(&command),
            Self::Kill(command) => kill::run(&command),
            Self::Mcp(command) => mcp::run(command),
            Self::Policy(command) => policy::run(command),
            Self::Update(command) => update::run(command),
            Self::Pii(command) => pii::run(*command),
            Self::Guard(command) => guard::run(*command),
            Self::Redteam(command) => redteam::run(*command),
            Self::Scan(args) => scan::run(&args),
            Self::Model(command) => model::run(command),
            Self::Audit(command) => audit::run(&command),
            Self::Keyring(command) => keyring::run(command),
            Self::Store(command) => store_status::run(&command),
            Self::Vault(command) => vault::run(&command),
            Self::Alert(command) => watch::alert(&command),
            Self::Incident(command) => watch::incident(*command),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
