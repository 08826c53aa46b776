//! From `[vault.requests]` as written to how requests of subjects are worked on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::check::{count_within, full_path, period_within};
use super::file::RequestsFile;
use super::{CodeSettings, RequestSettings};
use crate::key_path::{Fault, KeyPath};
use crate::{Period, web_address};

impl Default for RequestSettings {
    fn default() -> Self {
        settled(RequestsFile::default(), BTreeSet::new(), None)
    }
}

pub(super) fn check(file: RequestsFile, at: &KeyPath, document: &Path) -> Result<RequestSettings, Fault> {
    if let Some(url) = &file.code_url {
        let at = at.key("code_url");
        let address = web_address::parse(url).map_err(|message| at.fault(message))?;
        if !address.is_https && !address.is_loopback() {
            return Err(at.fault("sends one-time codes in the clear to another machine; use `https://`"));
        }
    }
    let mut hosts = BTreeSet::new();
    for (index, host) in file.callback_hosts.iter().enumerate() {
        let at = at.key("callback_hosts").index(index);
        let url = format!("https://{host}");
        let address = web_address::parse(&url).map_err(|message| at.fault(message))?;
        if !address.path.is_empty() {
            return Err(at.fault("name a host, such as `dsr.example.com` or `dsr.example.com:8443`"));
        }
        let host = host.to_ascii_lowercase();
        hosts.insert(host.strip_suffix(":443").map_or(host.clone(), str::to_owned));
    }
    let ca_file = file.ca_file.as_deref();
    let ca_file = ca_file
        .map(|path| full_path(path, &at.key("ca_file"), document))
        .transpose()?;
    count_within(file.code_digits.into(), 6, 12, at, "code_digits")?;
    count_within(file.attempts, 1, 10, at, "attempts")?;
    count_within(file.codes, 1, 10, at, "codes")?;
    count_within(file.codes_per_person, 1, 100, at, "codes_per_person")?;
    count_within(file.attempts_per_person, 1, 100, at, "attempts_per_person")?;
    let (least, most) = (Period::from_secs(3_600), Period::from_secs(604_800));
    if !(least..=most).contains(&file.person_window) {
        return Err(at.key("person_window").fault(format!("use {least} to {most}")));
    }
    count_within(file.copy_days, 1, 365, at, "copy_days")?;
    period_within(file.code_lifetime, Period::from_secs(60), at, "code_lifetime")?;
    Ok(settled(file, hosts, ca_file))
}

fn settled(
    file: RequestsFile,
    callback_hosts: BTreeSet<String>,
    ca_file: Option<PathBuf>,
) -> RequestSettings {
    RequestSettings {
        code_url: file.code_url,
        callback_hosts,
        ca_file,
        identity_for: file.identity_for,
        approval_for: file.approval_for,
        codes: CodeSettings {
            digits: file.code_digits,
            seconds: seconds(file.code_lifetime),
            attempts: file.attempts,
            sent: file.codes,
            sent_per_person: file.codes_per_person,
            attempts_per_person: file.attempts_per_person,
            person_seconds: seconds(file.person_window),
        },
        copy_days: file.copy_days,
    }
}

fn seconds(period: Period) -> u32 {
    u32::try_from(period.duration().as_secs()).unwrap_or(u32::MAX)
}
