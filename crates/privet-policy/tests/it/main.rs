//! Privet's two documents through the public door.

#![cfg(test)]

mod errors;
mod newtypes;
mod policy;
mod providers;
mod schemas;
mod secrets;
mod sensitive;
mod settings;

use privet_policy::{Error, Policy, Settings};

/// The least that settings must say.
const LEAST: &str = r#"
[[providers]]
name = "local"
dialect = "openai"
base_url = "http://127.0.0.1:11434/v1"
[[models]]
match = "*"
provider = "local"
"#;

fn settings(text: &str) -> Result<Settings, Error> {
    Settings::parse(text, "privet.toml".as_ref())
}

fn refused(text: &str) -> String {
    settings(text).unwrap_err().to_string()
}

fn policy(text: &str) -> Result<Policy, Error> {
    Policy::parse(text, "policy.toml".as_ref())
}

fn refused_policy(text: &str) -> String {
    policy(text).unwrap_err().to_string()
}

/// An example document with every switched-off setting switched on.
fn switched_on(example: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        _ => line.to_owned(),
    };
    example.lines().map(on).collect::<Vec<_>>().join("\n")
}
