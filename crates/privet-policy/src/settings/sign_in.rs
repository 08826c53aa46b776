//! The `[sign_in]` table of the settings: how people sign in.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::count_within;
use super::updates::UpdatesSettings;
use crate::key_path::{Fault, KeyPath};
use crate::{Period, web_address};

/// The `[sign_in]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignInFile {
    /// Where people's browsers reach Privet, without a path: `https://privet.example.org`. Nobody can sign in without it. `http` only
    /// for this machine.
    pub origin: Option<String>,
    /// What hashing a password costs (Argon2id): memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// How many passwords are hashed at once: so often that memory is needed.
    pub hashing_at_once: u32,
    /// Fewest characters of a new password.
    pub least_length: u32,
    /// A list of SHA-1 hashes of breached passwords in order, as Pwned Passwords is downloaded; relative to this file. It is not
    /// loaded.
    pub breached_hashes: Option<PathBuf>,
    /// A list of words that nobody may have as a password, one a line; relative to this file. `updates:feed/FILE` is one of the
    /// signed update in force.
    pub breached_words: Option<PathBuf>,
    /// How long a session lasts however much it is used.
    pub session: Period,
    /// How long it lasts without being used.
    pub idle: Period,
    /// Most sessions of one person; the oldest ends.
    pub sessions: u32,
    /// How long a person that has shown who it is may change how it signs in.
    pub proof: Period,
    /// How long an invite can be used (`privet user invite`).
    pub invite: Period,
    /// Whether failures are counted for each address, too. `true` if left out, but `false` where `[tls]` says that a proxy speaks
    /// TLS: all people have the proxy's address then.
    pub count_addresses: Option<bool>,
}

impl Default for SignInFile {
    fn default() -> Self {
        Self {
            origin: None,
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
            hashing_at_once: 2,
            least_length: 12,
            breached_hashes: None,
            breached_words: None,
            session: Period::from_secs(12 * 3600),
            idle: Period::from_secs(1800),
            sessions: 5,
            proof: Period::from_secs(600),
            invite: Period::from_secs(86_400),
            count_addresses: None,
        }
    }
}

/// How people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInSettings {
    /// Where browsers reach Privet. INVARIANT: scheme, host in small letters, and the port if it is not the scheme's; `https`, or
    /// `http` to this machine.
    pub origin: String,
    /// The host of `origin`.
    pub host: String,
    /// Whether `origin` is `https`.
    pub is_https: bool,
    /// What hashing a password costs: memory in KiB, passes, lanes. INVARIANT: 19,456 to 1,048,576, 2 to 16, 1 to 16, and memory
    /// times passes at most 4,194,304.
    pub cost: (u32, u32, u32),
    /// How many are hashed at once. INVARIANT: 1 to 64.
    pub hashing_at_once: u32,
    /// Fewest characters of a new password. INVARIANT: 8 to 64.
    pub least_length: u32,
    /// Hashes of breached passwords.
    pub breached_hashes: Option<PathBuf>,
    /// Words that nobody may have.
    pub breached_words: Option<PathBuf>,
    /// How long a session lasts.
    pub session: Period,
    /// How long it lasts without being used.
    pub idle: Period,
    /// Most sessions of one person. INVARIANT: 1 to 100.
    pub sessions: u32,
    /// How long showing who one is counts.
    pub proof: Period,
    /// How long an invite can be used.
    pub invite: Period,
    /// Whether failures are counted for each address.
    pub count_addresses: bool,
}

/// Checks `[sign_in]`; `None` if nobody is to sign in. `is_behind_proxy`: whether a proxy in front speaks TLS.
pub(super) fn check(
    file: SignInFile,
    document: &Path,
    updates: &UpdatesSettings,
    is_behind_proxy: bool,
) -> Result<Option<SignInSettings>, Fault> {
    let at = KeyPath::of("sign_in");
    count_within(file.memory_kib, 19_456, 1 << 20, &at, "memory_kib")?;
    count_within(file.passes, 2, 16, &at, "passes")?;
    count_within(file.lanes, 1, 16, &at, "lanes")?;
    if u64::from(file.memory_kib) * u64::from(file.passes) > 1 << 22 {
        return Err(at
            .key("passes")
            .fault("`memory_kib` times `passes` must be 4194304 at most; use less of one of them"));
    }
    count_within(file.hashing_at_once, 1, 64, &at, "hashing_at_once")?;
    count_within(file.least_length, 8, 64, &at, "least_length")?;
    count_within(file.sessions, 1, 100, &at, "sessions")?;
    let day = Period::from_secs(86_400);
    let minute = Period::from_secs(60);
    for (period, most, key) in [
        (file.session, Period::from_secs(30 * 86_400), "session"),
        (file.idle, Period::from_secs(30 * 86_400), "idle"),
        (file.proof, day, "proof"),
        (file.invite, Period::from_secs(30 * 86_400), "invite"),
    ] {
        if !(minute..=most).contains(&period) {
            return Err(at.key(key).fault(format!("use {minute} to {most}")));
        }
    }
    let path = |path: Option<PathBuf>, key: &str| {
        path.map(|path| updates.path(&path, &at.key(key), document))
            .transpose()
    };
    let breached_hashes = path(file.breached_hashes, "breached_hashes")?;
    let breached_words = path(file.breached_words, "breached_words")?;
    let Some(origin) = file.origin else {
        return Ok(None);
    };
    let (origin, host, is_https) = check_origin(&origin).map_err(|what| at.key("origin").fault(what))?;
    Ok(Some(SignInSettings {
        origin,
        host,
        is_https,
        cost: (file.memory_kib, file.passes, file.lanes),
        hashing_at_once: file.hashing_at_once,
        least_length: file.least_length,
        breached_hashes,
        breached_words,
        session: file.session,
        idle: file.idle,
        sessions: file.sessions,
        proof: file.proof,
        invite: file.invite,
        count_addresses: file.count_addresses.unwrap_or(!is_behind_proxy),
    }))
}

/// As browsers write it in `Origin` (RFC 6454 §6.1), its host, and whether it is `https`.
fn check_origin(text: &str) -> Result<(String, String, bool), &'static str> {
    const FORM: &str = "write scheme, host and, if it is an unusual one, port, as browsers show it: `https://privet.example.org`";
    let address = web_address::parse(text)?;
    if !address.path.is_empty() {
        return Err("must have no path, and no `/` at its end");
    }
    if text.chars().any(char::is_uppercase) {
        return Err("must be in small letters, as browsers write it");
    }
    let scheme = if address.is_https { "https" } else { "http" };
    let usual = if address.is_https { ":443" } else { ":80" };
    if text.ends_with(usual) {
        return Err("must leave out the port that its scheme has anyway");
    }
    let is_here = address.host == "localhost"
        || address
            .host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    if !address.is_https && !is_here {
        return Err(
            "must be `https://…`: passwords would travel in the clear; `http` is for `localhost` and loopback addresses",
        );
    }
    if !text.starts_with(scheme) {
        return Err(FORM);
    }
    Ok((text.to_owned(), address.host.to_owned(), address.is_https))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_send() {
        for (good, host, is_https) in [
            ("https://privet.example.org", "privet.example.org", true),
            ("https://privet.example.org:8443", "privet.example.org", true),
            ("http://localhost:8787", "localhost", false),
            ("http://127.0.0.1:8787", "127.0.0.1", false),
        ] {
            let checked = check_origin(good).unwrap();
            assert_eq!(checked, (good.to_owned(), host.to_owned(), is_https));
        }
        for bad in [
            "",
            "privet.example.org",
            "https://privet.example.org/",
            "https://privet.example.org/console",
            "https://Privet.example.org",
            "https://privet.example.org:443",
            "http://localhost:80",
            "http://privet.example.org",
            "http://192.0.2.1",
            "https://ann@privet.example.org",
            "https://privet.example.org?x",
        ] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
    }
}
