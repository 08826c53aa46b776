//! What `privet redteam run` takes.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use privet_policy::SecretRef;
use privet_redteam::{Family, Limit};
use privet_types::Secret;

use crate::rim;

/// What `privet redteam run` takes.
#[derive(Args)]
#[command(after_help = "Examples:
  privet redteam run --weak --out redteam/              a small model that obeys everybody, on this machine
  privet redteam run --weak --compare --out redteam/    the same, without and with a gateway before it
  privet redteam run --target https://api.example.com/v1 --key env:API_KEY --model some-model --out redteam/
  privet redteam run --provider openai --model gpt-4.1 --gateway http://127.0.0.1:8787/v1 --gateway-key env:PRIVET_KEY \\
      --out redteam/ --budget 2000
  privet redteam run --target … --out redteam/ --resume   go on where it was cut
  privet redteam run --list

Ends with 0 if attack success is below --fail-on, 1 if it is at or above it, 2 if the command is wrong, 3 if conversations are \
missing (the budget ran out, the target failed) or too few were held to tell. With a gateway, its side is judged.

Into the folder go report.json, report.html, report.sarif, report.junit.xml and run.jsonl, from which --resume goes on. They \
hold no text of replies. docs/redteam.md says how to read them.

Attack only what is yours, or what you are allowed to attack.")]
pub(crate) struct RunArgs {
    /// The base address of a target that speaks OpenAI's chat dialect, as clients have it: `http://127.0.0.1:11434/v1`.
    #[arg(long, value_name = "URL", group = "what")]
    pub(super) target: Option<String>,
    /// A provider of the settings, by its name.
    #[arg(long, value_name = "NAME", group = "what")]
    pub(super) provider: Option<String>,
    /// The weak target: a small model of this program that obeys everybody.
    #[arg(long, group = "what")]
    pub(super) weak: bool,
    /// Print the probes and end.
    #[arg(long, group = "what")]
    pub(super) list: bool,
    /// The settings file that `--provider` is looked up in.
    #[arg(long, default_value = "privet.toml")]
    pub(super) config: PathBuf,
    /// The target's key: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE")]
    pub(super) key: Option<KeyPlace>,
    /// The model that is asked for.
    #[arg(long, default_value = "default")]
    pub(super) model: String,
    /// A gateway before the same model: its base address. All is run twice, without it and with it.
    #[arg(long, value_name = "URL", conflicts_with_all = ["weak", "list"])]
    pub(super) gateway: Option<String>,
    /// The gateway's key: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE", requires = "gateway")]
    pub(super) gateway_key: Option<KeyPlace>,
    /// Run the weak target without and with a gateway before it, which is started for that.
    #[arg(long, requires = "weak")]
    pub(super) compare: bool,
    /// The policy of that gateway; without it one that is made for this.
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub(super) policy: Option<PathBuf>,
    /// Only these families, with commas between them.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(super) families: Vec<Family>,
    /// What names, words, numbers and the order of probes follow from.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How many rounds, each with other names and numbers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) repeat: u32,
    /// Most requests that are sent by this command, repeated ones included.
    #[arg(long, value_name = "REQUESTS")]
    pub(super) budget: Option<u64>,
    /// How many conversations are held at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) concurrency: u16,
    /// The folder for the reports; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// Go on with the run in the folder.
    #[arg(long)]
    pub(super) resume: bool,
    /// Which attack success fails the run: `any`, `never`, or a share such as 0.05 or 5%.
    #[arg(long, default_value = "any", value_name = "SHARE")]
    pub(super) fail_on: FailOn,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Write replies and calls to transcripts.jsonl in the folder, which only its owner may read.
    #[arg(long)]
    pub(super) keep_transcripts: bool,
}

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table.
    Text,
    /// The report as one JSON object.
    Json,
}

/// Which attack success fails the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FailOn(Limit);

impl FailOn {
    pub(super) const fn limit(self) -> Limit {
        self.0
    }
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text {
            "any" => return Ok(Self(Limit::Any)),
            "never" => return Ok(Self(Limit::Never)),
            _ => match text.strip_suffix('%') {
                Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
                None => text.parse::<f64>(),
            },
        };
        match number {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(Self(Limit::Share(share))),
            _ => Err("it is `any`, `never`, or a share above 0 and up to 1, such as 0.05 or 5%".to_owned()),
        }
    }
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPlace(Option<SecretRef>);

impl KeyPlace {
    /// The key.
    ///
    /// # Errors
    /// If it is not there, or was written where its place should be.
    pub(super) fn read(&self, what: &str) -> Result<Secret<String>> {
        let Some(place) = &self.0 else {
            bail!("{what} is never on the command line; say where it is: `env:NAME` or `file:PATH`");
        };
        rim::secret(place, what)
    }
}

impl From<&str> for KeyPlace {
    /// No error from here: the parser of the command line would repeat what was given, and that may be a key.
    fn from(text: &str) -> Self {
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        Self(match text.split_once(':') {
            Some(("env", name)) if is_name(name) => Some(SecretRef::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Some(SecretRef::File(path.into())),
            _ => None,
        })
    }
}

impl RunArgs {
    /// Whether there is a side with a gateway.
    pub(super) const fn has_gateway(&self) -> bool {
        self.compare || self.gateway.is_some()
    }

    /// What was attacked, as reports name it: without keys.
    pub(super) fn target_name(&self) -> String {
        let base = match (&self.target, &self.provider) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(provider)) => format!("provider {provider}"),
            (None, None) => "weak target".to_owned(),
        };
        match &self.gateway {
            Some(gateway) => format!("{base}, gateway {}", gateway.trim_end_matches('/')),
            None if self.compare => format!("{base}, gateway of this program"),
            None => base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        assert_eq!("5%".parse::<FailOn>().unwrap().limit(), Limit::Share(0.05));
        assert_eq!("0.2".parse::<FailOn>().unwrap().limit(), Limit::Share(0.2));
        assert!("0".parse::<FailOn>().is_err());
        assert!("nan".parse::<FailOn>().is_err());
    }

    #[test]
    fn a_key_on_the_command_line_is_refused_and_not_repeated() {
        let refused = KeyPlace::from("sk-very-secret")
            .read("the key")
            .unwrap_err()
            .to_string();
        assert!(!refused.contains("secret"), "{refused}");
        assert!(KeyPlace::from("env:API_KEY").0.is_some());
    }
}
