//! The command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::peers::{self, Peer};

pub(crate) const HELP: &str = "\
Measures `privet serve` from outside: requests per second, latency, and CPU time per request.

Usage: privet-bench [OPTIONS]
       privet-bench soak [OPTIONS]
       privet-bench gate [OPTIONS]

`soak` keeps many streams open for long, and says whether the gateway's memory stays as it is. `gate` holds the CPU time
of a request, as a multiple of a bare proxy's in the same run, against bounds.

Options:
  --privet PATH         the `privet` to measure [default: beside this program]
  --quick               a run of some seconds: 16 connections only, 0.3 s a row
  --seconds N           measured time of each row [default: 1.6]
  --warm-up N           time before it that is not counted, in seconds [default: 0.3]
  --connections LIST    such as 1,16,64 [default]
  --only TEXT           only rows whose name holds TEXT, such as `masked` or `json 1 KB`
  --audit MODE          durable-before-send [default] or loss-window, for the rows that do not name one
  --dir PATH            where the stores lie; the audit modes depend on its disk [default: the system's temporary folder]
  --format FORMAT       table [default] or jsonl
  --peers FILE          other gateways to measure beside it, as bench/peers/gateways.sh writes them
  --minutes N           soak: how long [default: 30]
  --streams N           soak: how many at once [default: 200]
  --help                this text

Examples:
  cargo build --release && cargo run --release -p privet-bench
  privet-bench --quick
  privet-bench --only 'masked json 1 KB' --seconds 20      one case for longer, to attach a profiler to
  privet-bench soak --minutes 2
  privet-bench gate                                        has a request become dearer?
Exit status: 0 if all replies were right, memory stayed and bounds were kept, 1 if not, 2 for wrong usage.
";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    /// Hidden: be the mock provider.
    Mock,
    /// Hidden: be a proxy that does nothing, in front of the mock at this address.
    Proxy {
        to: String,
    },
    Run(Options),
    Soak(SoakOptions),
    Gate(GateOptions),
}

/// What a gate is held by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GateOptions {
    pub(crate) privet: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) format: Format,
    /// Measured time of each row of each round.
    pub(crate) measured: Duration,
}

/// What a soak is made by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SoakOptions {
    pub(crate) privet: Option<PathBuf>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) duration: Duration,
    pub(crate) streams: usize,
}

/// What a run is made by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) privet: Option<PathBuf>,
    pub(crate) measured: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) connections: Vec<usize>,
    pub(crate) only: Option<String>,
    pub(crate) audit: Audit,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) is_quick: bool,
    pub(crate) peers: Vec<Peer>,
}

/// When a decision is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audit {
    DurableBeforeSend,
    LossWindow,
}

impl Audit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DurableBeforeSend => "durable-before-send",
            Self::LossWindow => "loss-window",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Jsonl,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            privet: None,
            measured: Duration::from_millis(1600),
            warm_up: Duration::from_millis(300),
            connections: vec![1, 16, 64],
            only: None,
            audit: Audit::DurableBeforeSend,
            dir: None,
            format: Format::Table,
            is_quick: false,
            peers: Vec::new(),
        }
    }
}

/// Reads the words after the program's name.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut words = words.peekable();
    if words.next_if(|word| word == "mock").is_some() {
        return Ok(Command::Mock);
    }
    if words.next_if(|word| word == "proxy").is_some() {
        return Ok(Command::Proxy {
            to: words.next().unwrap_or_default(),
        });
    }
    if words.next_if(|word| word == "soak").is_some() {
        return soak(words);
    }
    if words.next_if(|word| word == "gate").is_some() {
        return gate(words);
    }
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| Error::Usage(format!("`{word}` needs a value")))
        };
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--quick" => {
                options.is_quick = true;
                options.measured = Duration::from_millis(300);
                options.warm_up = Duration::from_millis(100);
                options.connections = vec![16];
            }
            "--privet" => options.privet = Some(PathBuf::from(value()?)),
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--only" => options.only = Some(value()?),
            "--seconds" => options.measured = seconds(&word, &value()?)?,
            "--warm-up" => options.warm_up = seconds(&word, &value()?)?,
            "--connections" => {
                let list = value()?;
                options.connections = list
                    .split(',')
                    .map(|n| number::<usize>(&word, n))
                    .collect::<Result<_, _>>()?;
                if options.connections.iter().any(|n| !(1..=1024).contains(n)) {
                    return Err(Error::Usage(format!("`--connections {list}`: 1 to 1024 each")));
                }
            }
            "--audit" => {
                options.audit = match value()?.as_str() {
                    "durable-before-send" => Audit::DurableBeforeSend,
                    "loss-window" => Audit::LossWindow,
                    other => {
                        return Err(Error::Usage(format!(
                            "`--audit {other}`: it is durable-before-send or loss-window"
                        )));
                    }
                }
            }
            "--format" => options.format = format_named(&value()?)?,
            "--peers" => options.peers = peers::read(&PathBuf::from(value()?))?,
            other => return Err(Error::Usage(format!("unknown option `{other}`"))),
        }
    }
    Ok(Command::Run(options))
}

fn soak(mut words: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = SoakOptions {
        privet: None,
        dir: None,
        format: Format::Table,
        duration: Duration::from_secs(30 * 60),
        streams: 200,
    };
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| Error::Usage(format!("`{word}` needs a value")))
        };
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--privet" => options.privet = Some(PathBuf::from(value()?)),
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--format" => options.format = format_named(&value()?)?,
            "--minutes" => {
                let text = value()?;
                let minutes: f64 = number(&word, &text)?;
                if !(0.1..=24.0 * 60.0).contains(&minutes) {
                    return Err(Error::Usage(format!("`--minutes {text}`: 0.1 to 1440")));
                }
                options.duration = Duration::from_secs_f64(60.0 * minutes);
            }
            "--streams" => {
                options.streams = number(&word, &value()?)?;
                if !(1..=1024).contains(&options.streams) {
                    return Err(Error::Usage(format!(
                        "`--streams {}`: 1 to 1024",
                        options.streams
                    )));
                }
            }
            other => return Err(Error::Usage(format!("unknown option `{other}` of `soak`"))),
        }
    }
    Ok(Command::Soak(options))
}

fn gate(mut words: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = GateOptions {
        privet: None,
        dir: None,
        format: Format::Table,
        measured: Duration::from_millis(1000),
    };
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| Error::Usage(format!("`{word}` needs a value")))
        };
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--privet" => options.privet = Some(PathBuf::from(value()?)),
            "--dir" => options.dir = Some(PathBuf::from(value()?)),
            "--format" => options.format = format_named(&value()?)?,
            "--seconds" => options.measured = seconds(&word, &value()?)?,
            other => return Err(Error::Usage(format!("unknown option `{other}` of `gate`"))),
        }
    }
    Ok(Command::Gate(options))
}

fn format_named(name: &str) -> Result<Format, Error> {
    match name {
        "table" => Ok(Format::Table),
        "jsonl" => Ok(Format::Jsonl),
        other => Err(Error::Usage(format!("`--format {other}`: it is table or jsonl"))),
    }
}

fn number<T: FromStr>(option: &str, text: &str) -> Result<T, Error> {
    text.trim()
        .parse()
        .map_err(|_| Error::Usage(format!("`{option} {text}` is not a number")))
}

fn seconds(option: &str, text: &str) -> Result<Duration, Error> {
    let seconds: f64 = number(option, text)?;
    if (0.05..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(Error::Usage(format!("`{option} {text}`: 0.05 to 3600 seconds")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Error> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_after_quick_win_over_it() {
        let Ok(Command::Run(options)) = parsed("--quick --seconds 2 --connections 1,4 --format jsonl") else {
            panic!("a run")
        };
        assert_eq!(options.measured, Duration::from_secs(2));
        assert_eq!(options.connections, [1, 4]);
        assert_eq!(options.format, Format::Jsonl);
    }

    #[test]
    fn wrong_options_say_what_is_wrong() {
        for line in [
            "--fast",
            "--seconds",
            "--seconds x",
            "--connections 0",
            "--audit no",
            "--peers",
            "soak --streams 0",
            "soak --minutes -1",
            "soak --seconds 3",
            "gate --streams 3",
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains("--help"), "{error}");
        }
    }
}
