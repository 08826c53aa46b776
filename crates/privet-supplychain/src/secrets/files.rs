//! Files that are secrets as a whole, and files whose lines are: known by their names.

use std::ops::Range;

use crate::Severity;

/// What a file's name says.
pub(super) struct Named {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) severity: Severity,
    pub(super) confidence: f32,
    /// The secret inside; the whole text if `None`.
    pub(super) span: Option<Range<usize>>,
}

/// Endings of key stores, and what they are.
const STORES: [(&str, &str); 12] = [
    (".p12", "PKCS #12 key store"),
    (".pfx", "PKCS #12 key store"),
    (".jks", "Java key store"),
    (".keystore", "Java key store"),
    (".bks", "Bouncy Castle key store"),
    (".kdbx", "KeePass database"),
    (".kdb", "KeePass database"),
    (".agilekeychain", "1Password key chain"),
    (".keychain", "macOS key chain"),
    (".keychain-db", "macOS key chain"),
    (".psafe3", "Password Safe database"),
    (".ovpn.key", "OpenVPN key"),
];

/// What `path` says of the file with `text`.
pub(super) fn by_name(path: &str, text: &[u8], out: &mut Vec<Named>) {
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(path)
        .to_ascii_lowercase();
    if let Some((_, description)) = STORES.iter().find(|(ending, _)| name.ends_with(ending)) {
        out.push(Named {
            id: "key-store-file",
            description,
            severity: Severity::High,
            confidence: 0.6,
            span: None,
        });
    }
    let line_rule = match name.as_str() {
        ".pgpass" | "pgpass.conf" => Some((4, "password of a .pgpass line", "pgpass-line")),
        ".htpasswd" | "htpasswd" => Some((1, "hash of a password in an htpasswd file", "htpasswd-line")),
        "shadow" | "shadow-" | "master.passwd" => {
            Some((1, "hash of a password of a Unix account", "shadow-line"))
        }
        "proftpdpasswd" | "proftpd.passwd" | "ftpd.passwd" => {
            Some((1, "hash of a password of an FTP account", "ftp-passwd-line"))
        }
        ".esmtprc" | "esmtprc" | ".fetchmailrc" | ".msmtprc" => None,
        "master.key" | "credentials.key" if text.trim_ascii().len() == 32 => {
            let start = text.len() - text.trim_ascii_start().len();
            out.push(Named {
                id: "rails-master-key",
                description: "Rails master key",
                severity: Severity::Critical,
                confidence: 0.95,
                span: Some(start..start + 32),
            });
            None
        }
        _ => None,
    };
    if let Some((field, description, id)) = line_rule {
        lines(text, field, |span| {
            out.push(Named {
                id,
                description,
                severity: Severity::High,
                confidence: 0.85,
                span: Some(span),
            });
        });
    }
    if matches!(
        name.as_str(),
        ".esmtprc" | "esmtprc" | ".fetchmailrc" | ".msmtprc" | ".netrc" | "_netrc"
    ) {
        words(text, |span| {
            out.push(Named {
                id: "mail-password",
                description: "password of a mail account",
                severity: Severity::High,
                confidence: 0.85,
                span: Some(span),
            });
        });
    }
}

/// Calls `take` with field `field` of each line, split at `:` (the last field keeps its rest).
fn lines(text: &[u8], field: usize, mut take: impl FnMut(Range<usize>)) {
    let mut start = 0;
    for line in text.split(|b| *b == b'\n').take(10_000) {
        let here = start;
        start += line.len() + 1;
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        let mut offset = 0;
        for (index, part) in line.split(|b| *b == b':').enumerate() {
            if index == field {
                let secret = part.trim_ascii();
                if secret.len() >= 4 && !matches!(secret.first(), Some(b'*' | b'!')) {
                    take(here + offset..here + offset + secret.len());
                }
                break;
            }
            offset += part.len() + 1;
        }
    }
}

/// Calls `take` with each word behind the word `password` or `pass`.
fn words(text: &[u8], mut take: impl FnMut(Range<usize>)) {
    let mut start = 0;
    let mut says = false;
    for word in text
        .split(|b| b.is_ascii_whitespace() || *b == b'=')
        .take(100_000)
    {
        let here = start;
        start += word.len() + 1;
        if word.is_empty() {
            continue;
        }
        let bare = word.strip_prefix(b"\"").unwrap_or(word);
        let bare_end = bare.strip_suffix(b"\"").unwrap_or(bare);
        if says && bare_end.len() >= 3 {
            let at = here + (word.len() - bare.len());
            take(at..at + bare_end.len());
        }
        says = word.eq_ignore_ascii_case(b"password") || word.eq_ignore_ascii_case(b"pass");
    }
}
