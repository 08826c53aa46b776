//! `[coaching]` of the policy document: what a person is told who was refused, and what to do instead.

use std::collections::{BTreeMap, BTreeSet};

use privet_types::Entity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key_path::{Fault, KeyPath};
use crate::web_address;

/// Most rules.
const MOST_RULES: usize = 64;
/// Longest text of a rule, in bytes.
const LONGEST_TEXT: usize = 2_000;

/// The `[coaching]` table of the policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoachingConfig {
    /// The language for those who ask for none, or for none that there is.
    pub language: Language,
    /// Where people read more: an address that comes with every refusal of what they sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Kinds that people are coached about: where one was found and replaced, the reply carries `x-privet-coach: masked`, and it is
    /// counted (`GET /api/v1/coaching`).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hint: BTreeSet<String>,
    /// Texts of your own; the first rule that fits counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<CoachingRule>,
}

/// One of `[[coaching.rules]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoachingRule {
    /// Codes of refusals that it is for, such as `entity_blocked`; all if left out.
    #[serde(default)]
    pub codes: BTreeSet<String>,
    /// Kinds of which one must have been found; any or none if left out.
    #[serde(default)]
    pub entities: BTreeSet<String>,
    /// What people are told, by language. Without their own they get that of `language`, and else any that there is.
    pub message: BTreeMap<Language, String>,
    /// Where they read more, in the place of `link` above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A language that people are told things in.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
}

impl Language {
    /// Its tag (RFC 5646).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
        }
    }

    fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        [Self::En, Self::De, Self::Fr]
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }
}

/// What somebody is told who was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// In which language.
    pub language: Language,
    /// In plain words.
    pub text: String,
    /// Where to read more.
    pub link: Option<String>,
    /// Whether the policy's own words are used.
    pub is_own: bool,
}

impl CoachingConfig {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The language of what is said to somebody who accepts `accepted` (RFC 9110, "Accept-Language").
    #[must_use]
    pub fn language_for(&self, accepted: Option<&str>) -> Language {
        let mut best: Option<(u32, Language)> = None;
        for range in accepted.unwrap_or_default().split(',').take(32) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1_000, thousandths);
            let language = if tag == "*" {
                Some(self.language)
            } else {
                Language::of(tag)
            };
            let Some(language) = language.filter(|_| weight > 0) else {
                continue;
            };
            if best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, language));
            }
        }
        best.map_or(self.language, |(_, language)| language)
    }

    /// What to tell somebody whose request was refused with `code`, in which `kinds` were found; none if the refusal is not about
    /// what they sent, and no rule is for it.
    #[must_use]
    pub fn advice(&self, code: &str, kinds: &[Entity], language: Language) -> Option<Advice> {
        let fits = |rule: &&CoachingRule| {
            let is_code = rule.codes.is_empty() || rule.codes.contains(code);
            is_code
                && (rule.entities.is_empty() || kinds.iter().any(|kind| rule.entities.contains(kind.name())))
        };
        if let Some(rule) = self.rules.iter().find(fits) {
            let said = [language, self.language]
                .into_iter()
                .find_map(|language| Some((language, rule.message.get(&language)?)))
                .or_else(|| {
                    rule.message
                        .iter()
                        .next()
                        .map(|(language, text)| (*language, text))
                });
            if let Some((language, text)) = said {
                return Some(Advice {
                    language,
                    text: text.clone(),
                    link: rule.link.clone().or_else(|| self.link.clone()),
                    is_own: true,
                });
            }
        }
        Some(Advice {
            language,
            text: built_in(code, kinds, language)?,
            link: self.link.clone(),
            is_own: false,
        })
    }
}

/// `0.8` as 800; 0 for what is no weight.
fn thousandths(weight: &str) -> u32 {
    let weight = weight.trim();
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{fraction:0<3}");
    let fraction = digits.get(..3).and_then(|digits| digits.parse::<u32>().ok());
    let whole = whole.parse::<u32>().ok().filter(|whole| *whole <= 1);
    whole
        .zip(fraction)
        .map_or(0, |(whole, fraction)| (whole * 1_000 + fraction).min(1_000))
}

/// The kinds in plain words, as far as there are such.
fn list(kinds: &[Entity], language: Language) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| plain(*kind, language)).collect();
    words.join(", ")
}

fn plain(kind: Entity, language: Language) -> &'static str {
    let words = match kind.name() {
        "EMAIL_ADDRESS" => ["an e-mail address", "eine E-Mail-Adresse", "une adresse e-mail"],
        "PHONE_NUMBER" => [
            "a telephone number",
            "eine Telefonnummer",
            "un numéro de téléphone",
        ],
        "CREDIT_CARD" => ["a card number", "eine Kartennummer", "un numéro de carte"],
        "IBAN_CODE" => ["a bank account number", "eine Kontonummer", "un numéro de compte"],
        "PERSON" => ["a person's name", "einen Personennamen", "un nom de personne"],
        "STREET_ADDRESS" => ["an address", "eine Anschrift", "une adresse"],
        "PRIVATE_KEY" => ["a secret key", "einen geheimen Schlüssel", "une clé secrète"],
        _ => return kind.name(),
    };
    let [en, de, fr] = words;
    match language {
        Language::En => en,
        Language::De => de,
        Language::Fr => fr,
    }
}

/// What there is to say of a code without the policy's help.
fn built_in(code: &str, kinds: &[Entity], language: Language) -> Option<String> {
    let found = list(kinds, language);
    let [en, de, fr] = match code {
        "entity_blocked" | "sensitive_refused" => [
            format!(
                "Nothing was sent: your text holds {found}, which must not leave the house this way. Take it out, or describe it in general words, and send it again."
            ),
            format!(
                "Es wurde nichts gesendet: Ihr Text enthält {found}, und das darf so nicht nach außen. Lassen Sie es weg oder umschreiben Sie es allgemein, und senden Sie noch einmal."
            ),
            format!(
                "Rien n'a été envoyé : votre texte contient {found}, ce qui ne doit pas sortir ainsi. Retirez-le ou décrivez-le en termes généraux, puis renvoyez."
            ),
        ],
        "cannot_mask" => [
            format!(
                "Nothing was sent: there is {found} in a place where nothing else may stand. Put it into the text, where it can be replaced, or take it out."
            ),
            format!(
                "Es wurde nichts gesendet: An einer Stelle, an der nichts anderes stehen darf, steht {found}. Schreiben Sie es in den Text, wo es ersetzt werden kann, oder lassen Sie es weg."
            ),
            format!(
                "Rien n'a été envoyé : il y a {found} à un endroit où rien ne peut le remplacer. Mettez-le dans le texte, où il peut être remplacé, ou retirez-le."
            ),
        ],
        "content_not_checkable" => [
            "Nothing was sent: pictures, sound and files cannot be checked for personal data. Write down in words what matters in them.".to_owned(),
            "Es wurde nichts gesendet: Bilder, Ton und Dateien können nicht auf persönliche Daten geprüft werden. Schreiben Sie in Worten, worauf es ankommt.".to_owned(),
            "Rien n'a été envoyé : les images, les sons et les fichiers ne peuvent pas être contrôlés. Décrivez en mots ce qui compte.".to_owned(),
        ],
        "provider_not_assessed" => [
            "Nothing was sent: your text holds personal data, and this model's provider has not been assessed for it. Take the data out, or choose another model.".to_owned(),
            "Es wurde nichts gesendet: Ihr Text enthält persönliche Daten, und der Anbieter dieses Modells ist dafür nicht geprüft. Lassen Sie die Daten weg oder wählen Sie ein anderes Modell.".to_owned(),
            "Rien n'a été envoyé : votre texte contient des données personnelles et le fournisseur de ce modèle n'a pas été évalué pour cela. Retirez-les ou choisissez un autre modèle.".to_owned(),
        ],
        "not_permitted" => [
            "Nothing was sent: a rule of your organisation stands against it. What it asks for stands in brackets; do that, or ask an administrator, and send it again.".to_owned(),
            "Es wurde nichts gesendet: Dem steht eine Regel Ihrer Organisation entgegen. Was sie verlangt, steht in Klammern; tun Sie das, oder fragen Sie die Administration, und senden Sie noch einmal.".to_owned(),
            "Rien n'a été envoyé : une règle de votre organisation s'y oppose. Ce qu'elle demande figure entre parenthèses ; faites-le ou adressez-vous à l'administration, puis renvoyez.".to_owned(),
        ],
        "guard_blocked" => [
            "Nothing was sent: a text in your request reads like an attempt to take the model over, or breaks another rule of your organisation. If a document or page holds it, leave that out; else put it in other words.".to_owned(),
            "Es wurde nichts gesendet: Ein Text in Ihrer Anfrage liest sich wie der Versuch, das Modell zu übernehmen, oder verstößt gegen eine andere Regel Ihrer Organisation. Steht er in einem Dokument oder einer Seite, lassen Sie das weg; sonst sagen Sie es mit anderen Worten.".to_owned(),
            "Rien n'a été envoyé : un texte de votre requête ressemble à une tentative de détourner le modèle, ou enfreint une autre règle de votre organisation. S'il vient d'un document ou d'une page, retirez-le ; sinon, dites-le autrement.".to_owned(),
        ],
        "guard_held" => [
            "Nothing was sent yet: a rule of your organisation wants somebody to look at this first. Ask an administrator.".to_owned(),
            "Es wurde noch nichts gesendet: Eine Regel Ihrer Organisation verlangt, dass zuerst jemand darauf schaut. Fragen Sie die Administration.".to_owned(),
            "Rien n'a encore été envoyé : une règle de votre organisation demande que quelqu'un regarde d'abord. Adressez-vous à l'administration.".to_owned(),
        ],
        "reply_blocked" => [
            "[The rest of this reply was stopped by a rule of your organisation.]".to_owned(),
            "[Der Rest dieser Antwort wurde von einer Regel Ihrer Organisation angehalten.]".to_owned(),
            "[La suite de cette réponse a été arrêtée par une règle de votre organisation.]".to_owned(),
        ],
        "private_query" => [
            "Nothing was sent: the address holds personal data. Take it out of the address.".to_owned(),
            "Es wurde nichts gesendet: Die Adresse enthält persönliche Daten. Nehmen Sie sie aus der Adresse heraus.".to_owned(),
            "Rien n'a été envoyé : l'adresse contient des données personnelles. Retirez-les de l'adresse.".to_owned(),
        ],
        _ => return None,
    };
    Some(match language {
        Language::En => en,
        Language::De => de,
        Language::Fr => fr,
    })
}

/// Checks `[coaching]`.
pub(crate) fn check(config: &CoachingConfig) -> Result<(), Fault> {
    let at = KeyPath::of("coaching");
    let is_link = |link: &String| web_address::parse(link).is_ok();
    let bad_link =
        "write an address of the web, such as `https://intranet.example.com/ai`, without `?` and `#`";
    if !config.link.iter().all(is_link) {
        return Err(at.key("link").fault(bad_link));
    }
    if config.hint.iter().any(|name| Entity::parse(name).is_none()) {
        return Err(at
            .key("hint")
            .fault("names a kind that is not known; `privet pii entities` lists those that are"));
    }
    let rules = at.key("rules");
    if config.rules.len() > MOST_RULES {
        return Err(rules.fault(format!("use at most {MOST_RULES} rules")));
    }
    for (index, rule) in config.rules.iter().enumerate() {
        let here = rules.index(index);
        if !rule.link.iter().all(is_link) {
            return Err(here.key("link").fault(bad_link));
        }
        let fits = |text: &String| (1..=LONGEST_TEXT).contains(&text.trim().len());
        if rule.message.is_empty() || !rule.message.values().all(fits) {
            return Err(here.key("message").fault(format!(
                "write 1 to {LONGEST_TEXT} bytes in one language at least: {{ en = \"…\" }}"
            )));
        }
        if rule.entities.iter().any(|name| Entity::parse(name).is_none()) {
            return Err(here
                .key("entities")
                .fault("names a kind that is not known; `privet pii entities` lists those that are"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_wanted_most_among_those_there_are() {
        let config = CoachingConfig {
            language: Language::De,
            ..CoachingConfig::default()
        };
        for (accepted, language) in [
            (None, Language::De),
            (Some("fr-CH, fr;q=0.9, en;q=0.8"), Language::Fr),
            (Some("it, en;q=0.5, fr;q=0.7"), Language::Fr),
            (Some("ja"), Language::De),
            (Some("*"), Language::De),
            (Some("en;q=0, fr;q=0.1"), Language::Fr),
            (Some("EN-us"), Language::En),
            (Some(";;;q=,"), Language::De),
        ] {
            assert_eq!(config.language_for(accepted), language, "{accepted:?}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_speaks_and_else_we_do() {
        let rule = CoachingRule {
            codes: BTreeSet::from(["entity_blocked".to_owned()]),
            entities: BTreeSet::from(["CREDIT_CARD".to_owned()]),
            message: BTreeMap::from([(Language::Fr, "Pas de cartes.".to_owned())]),
            link: None,
        };
        let config = CoachingConfig {
            link: Some("https://intranet.example.com/ai".to_owned()),
            rules: vec![rule],
            ..CoachingConfig::default()
        };
        let own = config
            .advice("entity_blocked", &[Entity::CREDIT_CARD], Language::De)
            .unwrap();
        assert!(own.is_own && own.text == "Pas de cartes." && own.language == Language::Fr);
        assert_eq!(own.link, config.link);
        let ours = config
            .advice("entity_blocked", &[Entity::IBAN_CODE], Language::De)
            .unwrap();
        assert!(!ours.is_own && ours.text.contains("eine Kontonummer"), "{ours:?}");
        assert!(config.advice("busy", &[], Language::En).is_none());
    }
}
