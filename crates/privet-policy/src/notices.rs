//! `[[notices]]` of the policy document: what people must have acknowledged before they may use a model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use privet_types::{PrincipalKind, RoleName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coaching::Language;
use crate::key_path::{Fault, KeyPath};
use crate::settings::wildcard;
use crate::{Period, web_address};

/// Most notices.
const MOST: usize = 32;
/// Most models, providers and roles of one.
const MOST_NAMES: usize = 64;
/// Longest id, and longest name of a model, a provider or a role, in bytes.
const LONGEST_NAME: usize = 64;
/// Longest text in one language, in bytes.
const LONGEST_TEXT: usize = 8_000;

/// One of `[[notices]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeConfig {
    /// Its name: 1 to 64 of a-z, 0-9, `-`, `_`, `.`.
    pub id: String,
    /// What people acknowledge, by language. Another text, in any language, is to be acknowledged anew.
    pub text: BTreeMap<Language, String>,
    /// Where people read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Models that it is needed for, as callers name them; `*` stands for any text. All if left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub models: BTreeSet<String>,
    /// Providers that it is needed for, as the settings name them. All if left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub providers: BTreeSet<String>,
    /// Roles whose holders need it. All if left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// How long an acknowledgement counts; for ever if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Period>,
    /// What becomes of service accounts, which cannot acknowledge anything.
    #[serde(default, skip_serializing_if = "Services::is_default")]
    pub services: Services,
}

/// What becomes of service accounts where people need a notice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Services {
    /// They are not asked.
    #[default]
    Pass,
    /// They may not use what the notice is for.
    Refuse,
}

impl Services {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A notice as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    config: NoticeConfig,
    hash: String,
}

impl Notice {
    pub(crate) fn new(config: NoticeConfig) -> Self {
        // Every language with its text, told apart by their lengths.
        let mut said = String::new();
        for (language, text) in &config.text {
            // Writing to a text cannot fail.
            let _ = write!(said, "{}:{}:{text}", language.tag(), text.len());
        }
        let hash = privet_crypto::sha256(said.as_bytes());
        let hash = hash.iter().take(16).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self { config, hash }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.config.id
    }

    /// Names its texts: 32 hexadecimal digits of a hash over all of them.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Where people read more.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.config.link.as_deref()
    }

    /// What people acknowledge, in `language` if there is such a text, else in `other`, else in any that there is.
    #[must_use]
    pub fn text(&self, language: Language, other: Language) -> (Language, &str) {
        let texts = &self.config.text;
        let found = [language, other]
            .into_iter()
            .find_map(|language| Some((language, texts.get(&language)?)));
        let found = found.or_else(|| texts.iter().next().map(|(language, text)| (*language, text)));
        found.map_or((language, ""), |(language, text)| (language, text.as_str()))
    }

    /// The texts by language.
    pub fn texts(&self) -> impl Iterator<Item = (Language, &str)> {
        self.config
            .text
            .iter()
            .map(|(language, text)| (*language, text.as_str()))
    }

    /// Whether somebody of `kind` with `roles` needs it for `model` of `provider`.
    #[must_use]
    pub fn is_for<'a>(
        &self,
        (model, provider): (&str, &str),
        kind: PrincipalKind,
        roles: impl IntoIterator<Item = &'a RoleName>,
    ) -> bool {
        let NoticeConfig {
            models, providers, ..
        } = &self.config;
        (models.is_empty() || models.iter().any(|pattern| wildcard::matches(pattern, model)))
            && (providers.is_empty() || providers.contains(provider))
            && self.concerns(kind, roles)
    }

    /// Whether somebody of `kind` with `roles` needs it for anything.
    #[must_use]
    pub fn concerns<'a>(&self, kind: PrincipalKind, roles: impl IntoIterator<Item = &'a RoleName>) -> bool {
        let NoticeConfig {
            roles: wanted,
            services,
            ..
        } = &self.config;
        let is_asked = kind == PrincipalKind::User || *services == Services::Refuse;
        is_asked && (wanted.is_empty() || roles.into_iter().any(|role| wanted.contains(role.as_str())))
    }

    /// Until when an acknowledgement of `at` counts; `None` for ever.
    #[must_use]
    pub fn counts_until(&self, at: Timestamp) -> Option<Timestamp> {
        let lasts = self.config.lasts?;
        Some(at.checked_add(lasts.duration()).unwrap_or(Timestamp::MAX))
    }

    /// Whether an acknowledgement of `at` counts at `now`.
    #[must_use]
    pub fn counts(&self, at: Timestamp, now: Timestamp) -> bool {
        self.counts_until(at).is_none_or(|until| now < until)
    }
}

/// Checks `[[notices]]`.
pub(crate) fn check(notices: &[NoticeConfig]) -> Result<(), Fault> {
    let at = KeyPath::of("notices");
    if notices.len() > MOST {
        return Err(at.fault(format!("use at most {MOST} notices")));
    }
    let mut ids = BTreeSet::new();
    for (index, notice) in notices.iter().enumerate() {
        let here = at.index(index);
        let is_id_byte = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
        };
        if !(1..=LONGEST_NAME).contains(&notice.id.len()) || !notice.id.bytes().all(is_id_byte) {
            return Err(here.key("id").fault("use 1 to 64 of a-z, 0-9, `-`, `_`, `.`"));
        }
        if !ids.insert(&notice.id) {
            return Err(here
                .key("id")
                .fault("names two notices; give each one of its own"));
        }
        let fits = |text: &String| (1..=LONGEST_TEXT).contains(&text.trim().len());
        if notice.text.is_empty() || !notice.text.values().all(fits) {
            return Err(here.key("text").fault(format!(
                "write 1 to {LONGEST_TEXT} bytes in one language at least: {{ en = \"…\" }}"
            )));
        }
        if !notice.link.iter().all(|link| web_address::parse(link).is_ok()) {
            return Err(here.key("link").fault(
                "write an address of the web, such as `https://intranet.example.com/ai`, without `?` and `#`",
            ));
        }
        for (key, names) in [
            ("models", &notice.models),
            ("providers", &notice.providers),
            ("roles", &notice.roles),
        ] {
            let is_name = |name: &String| (1..=LONGEST_NAME).contains(&name.len());
            if names.len() > MOST_NAMES || !names.iter().all(is_name) {
                return Err(here.key(key).fault(format!(
                    "use at most {MOST_NAMES} names of 1 to {LONGEST_NAME} bytes"
                )));
            }
        }
        if notice.roles.iter().any(|role| role.parse::<RoleName>().is_err()) {
            return Err(here
                .key("roles")
                .fault("name roles: 1 to 64 ASCII letters, digits, `.`, `_`, `-` and `@`"));
        }
        if notice
            .lasts
            .is_some_and(|lasts| lasts < Period::from_millis(60_000))
        {
            return Err(here.key("lasts").fault("use a minute or more"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(change: impl FnOnce(&mut NoticeConfig)) -> Notice {
        let mut config = NoticeConfig {
            id: "rules".to_owned(),
            text: BTreeMap::from([
                (Language::En, "Be kind.".to_owned()),
                (Language::De, "Seid nett.".to_owned()),
            ]),
            link: None,
            models: BTreeSet::new(),
            providers: BTreeSet::new(),
            roles: BTreeSet::new(),
            lasts: None,
            services: Services::default(),
        };
        change(&mut config);
        Notice::new(config)
    }

    #[test]
    fn each_change_of_a_text_is_another_hash_and_nothing_else_is() {
        let first = notice(|_| {});
        let same = notice(|config| {
            config.id = "other".to_owned();
            config.lasts = Some(Period::from_millis(90_000));
        });
        assert_eq!((first.hash(), first.hash().len()), (same.hash(), 32));
        for other in [
            notice(|config| drop(config.text.insert(Language::De, "Seid nett!".to_owned()))),
            notice(|config| drop(config.text.remove(&Language::De))),
            notice(|config| drop(config.text.insert(Language::Fr, "Soyez gentils.".to_owned()))),
        ] {
            assert_ne!(first.hash(), other.hash());
        }
    }

    #[test]
    fn it_is_for_those_models_providers_and_roles_that_it_names() {
        let all = notice(|_| {});
        let narrow = notice(|config| {
            config.models = BTreeSet::from(["gpt-*".to_owned()]);
            config.providers = BTreeSet::from(["openai".to_owned()]);
            config.roles = BTreeSet::from(["user".to_owned()]);
        });
        let (user, auditor): (RoleName, RoleName) = ("user".parse().unwrap(), "auditor".parse().unwrap());
        for (model, provider, role, is_narrow) in [
            ("gpt-4.1", "openai", &user, true),
            ("claude", "openai", &user, false),
            ("gpt-4.1", "azure", &user, false),
            ("gpt-4.1", "openai", &auditor, false),
        ] {
            assert!(all.is_for((model, provider), PrincipalKind::User, [role]));
            assert_eq!(
                narrow.is_for((model, provider), PrincipalKind::User, [role]),
                is_narrow
            );
        }
    }

    #[test]
    fn service_accounts_pass_unless_it_says_otherwise() {
        let model = ("gpt-4.1", "openai");
        let refuses = notice(|config| config.services = Services::Refuse);
        assert!(!notice(|_| {}).is_for(model, PrincipalKind::Service, []));
        assert!(refuses.is_for(model, PrincipalKind::Service, []));
    }

    #[test]
    fn an_acknowledgement_counts_for_as_long_as_it_says() {
        let at = Timestamp::UNIX_EPOCH;
        let later = |seconds| Timestamp::from_second(seconds).unwrap();
        let short = notice(|config| config.lasts = Some(Period::from_millis(90_000)));
        assert!(short.counts(at, later(89)) && !short.counts(at, later(90)));
        assert!(notice(|_| {}).counts(at, later(9_000_000_000)));
    }

    #[test]
    fn the_text_is_in_the_language_that_is_wanted_if_there_is_one() {
        let both = notice(|_| {});
        let (de, en, fr) = (Language::De, Language::En, Language::Fr);
        assert_eq!(both.text(de, en), (de, "Seid nett."));
        assert_eq!(both.text(fr, en), (en, "Be kind."));
        let french = notice(|config| config.text = BTreeMap::from([(fr, "Soyez gentils.".to_owned())]));
        assert_eq!(french.text(de, en), (fr, "Soyez gentils."));
    }
}
