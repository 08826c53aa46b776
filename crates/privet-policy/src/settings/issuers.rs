//! `[[access.issuers]]`: whose tokens are taken beside Privet's own keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use privet_types::{GroupName, KeyScopes, Principal, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::full_path;
use crate::key_path::{Fault, KeyPath};
use crate::{Period, SecretRef, web_address};

/// Most issuers.
const MOST_ISSUERS: usize = 64;
/// Most entries of one of an issuer's tables.
const MOST_ENTRIES: usize = 10_000;
/// Longest value of a claim that is named.
const LONGEST_VALUE: usize = 255;

/// One of `[[access.issuers]]`: somebody whose tokens (JWT) are taken in the place of an API key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerFile {
    /// A short name for it: in logs, in the audit log and in addresses; letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// As its tokens have it in `iss`, byte for byte.
    pub issuer: String,
    /// Whom its tokens must be for: one of these must be in `aud`. Without any its tokens are no keys, and people sign in by `login`.
    #[serde(default)]
    pub audiences: BTreeSet<String>,
    /// How its tokens may be signed.
    #[serde(default = "all_algorithms")]
    pub algorithms: BTreeSet<TokenAlgorithm>,
    /// Of what type they may be (`typ`), without `application/`; capitals do not matter.
    #[serde(default = "usual_types")]
    pub types: BTreeSet<String>,
    /// Where its keys are (JWKS). Either this or `jwks_file`.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// A file with its keys, which is read again when they are due; relative to this file.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// Certificates (PEM) to trust for `jwks_url` instead of the usual ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How old keys are fetched again when they are next needed, a minute to a day.
    #[serde(default = "default_refresh")]
    pub refresh: Period,
    /// How old keys are believed no more, if they cannot be fetched; up to 7 days.
    #[serde(default = "default_stale_after")]
    pub stale_after: Period,
    /// How far clocks may be apart, up to a minute.
    #[serde(default = "default_leeway")]
    pub leeway: Period,
    /// Longest time from `iat` to `exp`, up to a day.
    #[serde(default = "default_longest_life")]
    pub longest_life: Period,
    /// Which claim says for whom a token stands.
    #[serde(default)]
    pub claim: TokenClaim,
    /// Who here that is: the claim's value, and the name of a person or a service account. Nobody is made by a token.
    #[serde(default)]
    pub principals: BTreeMap<String, String>,
    /// Whether a value that is not in `principals` may be a name itself.
    #[serde(default, rename = "match")]
    pub matching: TokenMatch,
    /// In whose installation space; `default` if left out.
    #[serde(default)]
    pub tenant: Option<String>,
    /// What its tokens are good for; `gateway` if left out.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The claim that holds groups.
    #[serde(default = "default_groups_claim")]
    pub groups_claim: String,
    /// Which groups here those are: the issuer's group, and the name of one that was made with `privet group create`. Whoever shows
    /// such a token is in it for that request; other groups count for nothing.
    #[serde(default)]
    pub groups: BTreeMap<String, String>,
    /// How people sign in there (OpenID Connect); they do not, if left out.
    #[serde(default)]
    pub login: Option<LoginFile>,
}

/// The `[access.issuers.login]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginFile {
    /// What the issuer knows Privet by.
    pub client_id: String,
    /// Where the secret is kept that goes with it; without one Privet is a public client, with PKCE alone.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// What is asked for.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// Whoever showed one of these (`amr`) counts as having shown two factors: `mfa`, `hwk`, ….
    #[serde(default)]
    pub two_factor_amr: BTreeSet<String>,
    /// The same by the class that the issuer names (`acr`).
    #[serde(default)]
    pub two_factor_acr: BTreeSet<String>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub enum TokenAlgorithm {
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA with P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA with 2048 bits or more.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Which claim says for whom a token stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenClaim {
    /// What the issuer never gives to anybody else.
    #[default]
    Sub,
    /// The e-mail address, if the issuer says that it has verified it.
    Email,
}

/// Whom a claim's value stands for that no table names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenMatch {
    /// Nobody.
    #[default]
    Table,
    /// Whoever here has it as a name: for an issuer that gives names as you do.
    Name,
}

/// Somebody whose tokens are taken, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustedIssuer {
    /// The name in logs and addresses.
    pub name: String,
    /// As `iss` has it. INVARIANT: no two of one.
    pub issuer: String,
    /// One of these must be in `aud`. INVARIANT: at least one, or a `login`; none is what `login` is known by.
    pub audiences: BTreeSet<String>,
    /// INVARIANT: at least one.
    pub algorithms: BTreeSet<TokenAlgorithm>,
    /// In small letters. INVARIANT: at least one.
    pub types: BTreeSet<String>,
    /// Where its keys are.
    pub jwks: JwksPlace,
    /// Certificates to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// How old keys are fetched again.
    pub refresh: Duration,
    /// How old keys are believed no more. INVARIANT: no less than `refresh`.
    pub stale_after: Duration,
    /// How far clocks may be apart. INVARIANT: a minute at most.
    pub leeway: Duration,
    /// Longest life of a token.
    pub longest_life: Duration,
    /// For whom a token stands.
    pub claim: TokenClaim,
    /// Who here that is.
    pub principals: BTreeMap<String, Principal>,
    /// Whether other values are names themselves.
    pub matches_names: bool,
    /// In whose installation space.
    pub tenant: TenantId,
    /// What for.
    pub scopes: KeyScopes,
    /// The claim that holds groups.
    pub groups_claim: String,
    /// Which groups here those are.
    pub groups: BTreeMap<String, GroupName>,
    /// How people sign in there, if they do.
    pub login: Option<LoginSettings>,
}

/// How people sign in at an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginSettings {
    /// What the issuer knows Privet by.
    pub client_id: String,
    /// Where the secret is kept that goes with it.
    pub client_secret: Option<SecretRef>,
    /// What is asked for. INVARIANT: `openid` is among them.
    pub scopes: Vec<String>,
    /// Ways that count as two factors.
    pub two_factor_amr: BTreeSet<String>,
    /// Classes that count as two factors.
    pub two_factor_acr: BTreeSet<String>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksPlace {
    /// INVARIANT: `https`, or `http` to this machine.
    Url(String),
    /// On this machine.
    File(PathBuf),
}

fn all_algorithms() -> BTreeSet<TokenAlgorithm> {
    [
        TokenAlgorithm::EdDsa,
        TokenAlgorithm::Es256,
        TokenAlgorithm::Rs256,
    ]
    .into()
}

fn usual_types() -> BTreeSet<String> {
    ["at+jwt", "JWT"].map(str::to_owned).into()
}

fn default_refresh() -> Period {
    Period::from_secs(600)
}

fn default_stale_after() -> Period {
    Period::from_secs(6 * 3600)
}

fn default_leeway() -> Period {
    Period::from_secs(30)
}

fn default_longest_life() -> Period {
    Period::from_secs(86_400)
}

fn default_scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

fn default_groups_claim() -> String {
    "groups".to_owned()
}

/// Checks `[[access.issuers]]`.
pub(super) fn check(
    files: Vec<IssuerFile>,
    at: &KeyPath,
    document: &Path,
) -> Result<Vec<TrustedIssuer>, Fault> {
    if files.len() > MOST_ISSUERS {
        return Err(at.fault(format!("use at most {MOST_ISSUERS} issuers")));
    }
    let mut issuers: Vec<TrustedIssuer> = Vec::with_capacity(files.len());
    for (index, file) in files.into_iter().enumerate() {
        let here = at.index(index);
        let issuer = check_issuer(file, &here, document)?;
        // Which of two would count for a token would be anybody's guess.
        for (key, is_same) in [
            ("name", issuers.iter().any(|known| known.name == issuer.name)),
            (
                "issuer",
                issuers.iter().any(|known| known.issuer == issuer.issuer),
            ),
        ] {
            if is_same {
                return Err(here
                    .key(key)
                    .fault("stands in an entry before this one; use another"));
            }
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

fn check_issuer(file: IssuerFile, at: &KeyPath, document: &Path) -> Result<TrustedIssuer, Fault> {
    let is_name = (1..=64).contains(&file.name.len())
        && file
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !matches!(file.name.as_str(), "." | "..");
    if !is_name {
        return Err(at
            .key("name")
            .fault("use 1 to 64 letters, digits, `.`, `_` or `-`"));
    }
    check_address(&file.issuer, &at.key("issuer"))?;
    let is_value = |value: &String| (1..=LONGEST_VALUE).contains(&value.len());
    let is_needed = file.audiences.is_empty() && file.login.is_none();
    if is_needed || !file.audiences.iter().all(is_value) {
        return Err(at.key("audiences").fault(
            "name whom its tokens must be for: what you registered Privet as there, such as `privet`",
        ));
    }
    if file.algorithms.is_empty() {
        return Err(at
            .key("algorithms")
            .fault("name at least one of EdDSA, ES256 and RS256"));
    }
    if file.types.is_empty() || !file.types.iter().all(is_value) {
        return Err(at.key("types").fault("name at least one, such as `at+jwt`"));
    }
    let login = file
        .login
        .map(|login| check_login(login, &file.audiences, &at.key("login"), document))
        .transpose()?;
    let jwks = match (file.jwks_url, file.jwks_file) {
        (Some(url), None) => {
            check_address(&url, &at.key("jwks_url"))?;
            JwksPlace::Url(url)
        }
        (None, Some(path)) => JwksPlace::File(full_path(&path, &at.key("jwks_file"), document)?),
        _ => return Err(at.fault("say where its keys are: by exactly one of `jwks_url` and `jwks_file`")),
    };
    let (second, day) = (Period::from_secs(1), Period::from_secs(86_400));
    for (period, least, most, key) in [
        (file.refresh, Period::from_secs(60), day, "refresh"),
        (
            file.stale_after,
            file.refresh,
            Period::from_secs(7 * 86_400),
            "stale_after",
        ),
        (
            file.leeway,
            Period::from_millis(0),
            Period::from_secs(60),
            "leeway",
        ),
        (file.longest_life, second, day, "longest_life"),
    ] {
        if !(least..=most).contains(&period) {
            return Err(at.key(key).fault(format!("use {least} to {most}")));
        }
    }
    let tables = [
        ("principals", file.principals.len()),
        ("groups", file.groups.len()),
    ];
    if let Some((key, _)) = tables.into_iter().find(|(_, count)| *count > MOST_ENTRIES) {
        return Err(at.key(key).fault(format!("use at most {MOST_ENTRIES} entries")));
    }
    Ok(TrustedIssuer {
        name: file.name,
        issuer: file.issuer,
        audiences: file.audiences,
        algorithms: file.algorithms,
        types: file.types.iter().map(|typ| plain_type(typ)).collect(),
        jwks,
        ca_file: file
            .ca_file
            .map(|path| full_path(&path, &at.key("ca_file"), document))
            .transpose()?,
        refresh: file.refresh.duration(),
        stale_after: file.stale_after.duration(),
        leeway: file.leeway.duration(),
        longest_life: file.longest_life.duration(),
        claim: file.claim,
        principals: names(file.principals, &at.key("principals"))?,
        matches_names: file.matching == TokenMatch::Name,
        tenant: super::tls::tenant(file.tenant, at)?,
        scopes: super::tls::scopes(file.scopes, at)?,
        groups_claim: file.groups_claim,
        groups: names(file.groups, &at.key("groups"))?,
        login,
    })
}

fn check_login(
    file: LoginFile,
    audiences: &BTreeSet<String>,
    at: &KeyPath,
    document: &Path,
) -> Result<LoginSettings, Fault> {
    if !(1..=LONGEST_VALUE).contains(&file.client_id.len()) {
        return Err(at
            .key("client_id")
            .fault("use what you registered Privet as there, 1 to 255 bytes"));
    }
    // Else what somebody signs in with would be a key, too.
    if audiences.contains(&file.client_id) {
        return Err(at.key("client_id").fault(
            "stands in `audiences`, too; tokens for programs need another audience than people's sign-ins",
        ));
    }
    let is_scope = |scope: &String| {
        (1..=LONGEST_VALUE).contains(&scope.len()) && scope.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !file.scopes.iter().any(|scope| scope == "openid") || !file.scopes.iter().all(is_scope) {
        return Err(at
            .key("scopes")
            .fault("name what is asked for, without blanks, and `openid` among it"));
    }
    Ok(LoginSettings {
        client_id: file.client_id,
        client_secret: file.client_secret.map(|secret| secret.beside(document)),
        scopes: file.scopes,
        two_factor_amr: file.two_factor_amr,
        two_factor_acr: file.two_factor_acr,
    })
}

/// The names that a table gives to values of claims.
fn names<T: std::str::FromStr>(
    table: BTreeMap<String, String>,
    at: &KeyPath,
) -> Result<BTreeMap<String, T>, Fault> {
    let named = table.into_iter().map(|(value, name)| {
        if !(1..=LONGEST_VALUE).contains(&value.len()) {
            return Err(at.fault(format!("use values of 1 to {LONGEST_VALUE} bytes")));
        }
        let name = name
            .parse()
            .map_err(|_| at.fault("give names of 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`"))?;
        Ok((value, name))
    });
    named.collect()
}

/// That nobody on the way can put other keys in their place.
fn check_address(text: &str, at: &KeyPath) -> Result<(), Fault> {
    let address = web_address::parse(text).map_err(|message| at.fault(message))?;
    if address.is_https || address.is_loopback() {
        Ok(())
    } else {
        Err(at.fault("whoever is on the way there could let anybody in; use `https://`"))
    }
}

/// As tokens are compared by it.
fn plain_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = \"corp\"\nissuer = \"https://id.example.com\"\naudiences = [\"privet\"]\n";
    const URL: &str = "jwks_url = \"https://id.example.com/keys\"\n";

    fn checked(text: &str) -> Result<TrustedIssuer, String> {
        let file: IssuerFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let at = KeyPath::of("access").key("issuers");
        check(vec![file], &at, Path::new("/etc/privet.toml"))
            .map(|mut all| all.remove(0))
            .map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn an_issuer_is_pinned_and_denies_by_default() {
        let issuer = checked(&format!("{LEAST}{URL}")).unwrap();
        assert_eq!(
            issuer.jwks,
            JwksPlace::Url("https://id.example.com/keys".to_owned())
        );
        assert!(!issuer.matches_names && issuer.principals.is_empty() && issuer.groups.is_empty());
        assert_eq!(issuer.types, ["at+jwt", "jwt"].map(str::to_owned).into());
        assert_eq!(issuer.scopes, KeyScopes::default());
        assert_eq!(issuer.claim, TokenClaim::Sub);
    }

    #[test]
    fn what_would_leave_a_door_open_is_refused() {
        for more in [
            "",
            "jwks_url = \"http://id.example.com/keys\"",
            "jwks_url = \"https://id.example.com/keys\"\njwks_file = \"keys.json\"",
            "jwks_file = \"k\"\nalgorithms = []",
            "jwks_file = \"k\"\nalgorithms = [\"HS256\"]",
            "jwks_file = \"k\"\nalgorithms = [\"none\"]",
            "jwks_file = \"k\"\ntypes = []",
            "jwks_file = \"k\"\nleeway = \"61s\"",
            "jwks_file = \"k\"\nlongest_life = \"25h\"",
            "jwks_file = \"k\"\nrefresh = \"2h\"\nstale_after = \"1h\"",
            "jwks_file = \"k\"\nclaim = \"name\"",
            "jwks_file = \"k\"\nscopes = [\"everything\"]",
            "jwks_file = \"k\"\nprincipals = { \"7\" = \"no name\" }",
            "jwks_file = \"k\"\ntenant = \"no name\"",
        ] {
            assert!(checked(&format!("{LEAST}{more}")).is_err(), "{more}");
        }
        for instead in [
            "name = \"a/b\"\nissuer = \"https://id.example.com\"\naudiences = [\"privet\"]\n",
            "name = \"a\"\nissuer = \"http://id.example.com\"\naudiences = [\"privet\"]\n",
            "name = \"a\"\nissuer = \"https://id.example.com\"\naudiences = []\n",
        ] {
            assert!(checked(&format!("{instead}{URL}")).is_err(), "{instead}");
        }
    }

    #[test]
    fn a_sign_in_is_for_an_audience_of_its_own() {
        let login = |more: &str| checked(&format!("{LEAST}{URL}[login]\n{more}"));
        let good = login("client_id = \"console\"").unwrap().login.unwrap();
        assert_eq!(
            (good.scopes, good.client_secret),
            (vec!["openid".to_owned()], None)
        );
        assert!(login("client_id = \"privet\"").is_err());
        assert!(login("client_id = \"\"").is_err());
        assert!(login("client_id = \"console\"\nscopes = [\"email\"]").is_err());
        assert!(login("client_id = \"console\"\nclient_secret = \"hunter2\"").is_err());
        // Without an audience nobody's token is a key.
        let alone = "name = \"corp\"\nissuer = \"https://id.example.com\"\n";
        assert!(checked(&format!("{alone}{URL}[login]\nclient_id = \"console\"")).is_ok());
        assert!(checked(&format!("{alone}{URL}")).is_err());
    }

    #[test]
    fn no_two_entries_are_of_one_issuer() {
        let file: IssuerFile = toml::from_str(&format!("{LEAST}{URL}")).unwrap();
        let other = IssuerFile {
            name: "other".to_owned(),
            ..file.clone()
        };
        let at = KeyPath::of("access").key("issuers");
        assert!(check(vec![file, other], &at, Path::new("privet.toml")).is_err());
    }
}
