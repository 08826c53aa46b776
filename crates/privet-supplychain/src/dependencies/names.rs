//! Names of packages: normal forms and package URLs.

use super::Ecosystem;

/// Longest name that is taken; registries allow at most 214 (npm) and in practice less. Go's module paths are longer.
pub(super) const MAX_NAME: usize = 512;

/// The one spelling of `name` by which it is looked up.
///
/// PyPI: lower case, runs of `-`, `_`, `.` as one `-` (PEP 503). crates.io treats `-` and `_` as the same name, but advisories and
/// lock files write the registered one, so nothing is changed. npm: lower case for names that the registry took before it
/// was strict stay distinct, so nothing is changed either.
///
/// ```
/// use privet_supplychain::dependencies::{Ecosystem, normalise_name};
/// assert_eq!(normalise_name(Ecosystem::PyPi, "Zope.Interface__x"), "zope-interface-x");
/// ```
#[must_use]
pub fn normalise(ecosystem: Ecosystem, name: &str) -> String {
    let name = name.trim();
    match ecosystem {
        Ecosystem::PyPi => {
            let mut out = String::with_capacity(name.len());
            let mut is_in_run = false;
            for c in name.chars() {
                let is_separator = matches!(c, '-' | '_' | '.');
                if !is_separator {
                    out.extend(c.to_lowercase());
                } else if !is_in_run {
                    out.push('-');
                }
                is_in_run = is_separator;
            }
            out
        }
        Ecosystem::Conda => name.to_lowercase(),
        Ecosystem::CratesIo | Ecosystem::Npm | Ecosystem::Go => name.to_owned(),
    }
}

/// Whether `name` can be a name of a package: anything else is a slip or hostile and is not carried into reports.
pub(super) fn is_name(ecosystem: Ecosystem, name: &str) -> bool {
    let name = if ecosystem == Ecosystem::Npm {
        name.strip_prefix('@').unwrap_or(name)
    } else {
        name
    };
    let has_path = matches!(ecosystem, Ecosystem::Npm | Ecosystem::Go);
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, '-' | '_' | '.')
                || (has_path && matches!(c, '/' | '~' | '!' | '(' | ')' | '\'' | '*'))
        })
}

/// The package URL of a package (purl specification, ECMA-427).
///
/// ```
/// use privet_supplychain::dependencies::{Ecosystem, purl};
/// assert_eq!(purl(Ecosystem::Npm, "@babel/core", Some("7.0.0")), "pkg:npm/%40babel/core@7.0.0");
/// assert_eq!(purl(Ecosystem::PyPi, "torch", Some("2.1.0+cu118")), "pkg:pypi/torch@2.1.0%2Bcu118");
/// ```
#[must_use]
pub fn purl(ecosystem: Ecosystem, name: &str, version: Option<&str>) -> String {
    let kind = match ecosystem {
        Ecosystem::PyPi => "pypi",
        Ecosystem::CratesIo => "cargo",
        Ecosystem::Npm => "npm",
        Ecosystem::Conda => "conda",
        Ecosystem::Go => "golang",
    };
    let name = normalise(ecosystem, name);
    let path: Vec<String> = name.split('/').map(percent_encoded).collect();
    let mut out = format!("pkg:{kind}/{}", path.join("/"));
    if let Some(version) = version {
        out.push('@');
        out.push_str(&percent_encoded(version));
    }
    out
}

/// Percent-encodes all but what the purl specification leaves as it is.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `url` without user name and password: they must not reach a report.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    // A query can hold a token as well; what names a source stands before it.
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}
