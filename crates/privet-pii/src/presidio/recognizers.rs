//! Recognisers as Presidio writes them: YAML files, and the dictionaries of its requests.

use std::collections::BTreeMap;

use privet_types::Entity;
use serde_json::{Map, Value};

use super::classes::entities_of;
use super::python_regex::translate;
use crate::config::{Config, EntityAction, Pattern, Recognizer, RegexFlags};
use crate::error::Error;

/// Bits of Python's `re` module.
const IGNORE_CASE: i64 = 2;
const MULTI_LINE: i64 = 8;
const DOT_ALL: i64 = 16;
const UNICODE: i64 = 32;
const VERBOSE: i64 = 64;

/// What a recogniser file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recognizers {
    /// Its custom recognisers, those switched off left out.
    pub own: Vec<Recognizer>,
    /// Kinds of its predefined recognisers, and whether they are switched on.
    pub kinds: BTreeMap<Entity, bool>,
    /// What Privet does not have or leaves out, one sentence each.
    pub warnings: Vec<String>,
}

/// A recogniser from a dictionary, with the name its kind has there.
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    /// The recogniser.
    pub recognizer: Recognizer,
    /// `supported_entity` as it was written.
    pub entity_name: String,
    /// `supported_language`, if it was given.
    pub language: Option<String>,
}

/// Why a dictionary is no recogniser. Presidio tells the two apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecognizer {
    /// A field is missing, unknown, or of another type.
    #[error("{0}")]
    Form(String),
    /// A field's value cannot be used.
    #[error("{0}")]
    Value(String),
}

impl Recognizers {
    /// Puts them to work: custom ones are added to `config`, kinds switched off there are allowed, those switched on
    /// masked. A file that lists no predefined recogniser leaves the kinds as they are.
    pub fn apply(self, config: &mut Config) {
        for (entity, is_on) in self.kinds {
            let action = if is_on {
                EntityAction::Mask
            } else {
                EntityAction::Allow
            };
            config.entities.insert(entity, action);
        }
        for recognizer in &self.own {
            config
                .entities
                .entry(recognizer.entity)
                .or_insert(EntityAction::Mask);
        }
        config.recognizers.extend(self.own);
    }
}

/// Reads a recogniser file in YAML: a list, or a list under `recognizers`. Languages are not told apart: all are served,
/// and the context words of all languages count.
///
/// ```
/// let file = r#"
/// recognizers:
///   - name: Badges
///     supported_entity: BADGE
///     patterns: [{name: badge, regex: "\\bB-\\d{4}\\b", score: 0.4}]
///     context: [badge]
///   - {name: UsBankRecognizer, type: predefined, enabled: false}
/// "#;
/// let read = privet_pii::presidio::recognizers(file)?;
/// assert_eq!(read.own[0].name, "Badges");
/// assert_eq!(read.kinds.values().collect::<Vec<_>>(), [&false]);
/// # Ok::<(), privet_pii::Error>(())
/// ```
///
/// # Errors
/// [`Error::RecognizerFile`] if it is not YAML of that form; [`Error::Recognizer`], which names the recogniser, if one
/// cannot be used.
pub fn recognizers(yaml: &str) -> Result<Recognizers, Error> {
    let bad = |problem: String| Error::RecognizerFile { problem };
    // Its snippets would show what the file lists.
    let document: Value = serde_saphyr::from_str(yaml).map_err(|e| bad(e.without_snippet().to_string()))?;
    let (list, global) = match &document {
        Value::Array(list) => (list, None),
        Value::Object(map) => match map.get("recognizers") {
            Some(Value::Array(list)) => (list, map.get("global_regex_flags")),
            _ => return Err(bad("it has no list `recognizers`".to_owned())),
        },
        _ => return Err(bad("it has no list `recognizers`".to_owned())),
    };
    let mut read = Recognizers::default();
    if document.get("supported_countries").is_some_and(|v| !v.is_null()) {
        let left_out = "`supported_countries` is not obeyed: switch kinds off by name";
        read.warnings.push(left_out.to_owned());
    }
    for (position, entry) in (1..).zip(list) {
        match entry {
            Value::String(class) => predefined(class, true, &mut read),
            Value::Object(map) => {
                let name = text(map, "name").unwrap_or_default();
                if map.get("score_thresholds").is_some_and(|v| !v.is_null()) {
                    let left_out = format!("recogniser `{name}`: `score_thresholds` is not obeyed");
                    read.warnings.push(left_out);
                }
                let shown = if name.is_empty() {
                    format!("{position}")
                } else {
                    name.clone()
                };
                if text(map, "type").as_deref() == Some("predefined") {
                    let class = text(map, "class_name").unwrap_or(name);
                    predefined(&class, is_on(map), &mut read);
                } else if is_on(map) {
                    let own = custom(map, global).map_err(|e| Error::Recognizer {
                        name: shown,
                        problem: e.to_string(),
                    })?;
                    read.own.push(own);
                }
            }
            _ => {
                return Err(bad(format!(
                    "recogniser {position} is neither a name nor a table"
                )));
            }
        }
    }
    Ok(read)
}

fn predefined(class: &str, is_on: bool, read: &mut Recognizers) {
    match entities_of(class) {
        Some(entities) => {
            for entity in entities {
                // Two classes may report one kind; one that is on is enough.
                let known = read.kinds.entry(*entity).or_insert(is_on);
                *known |= is_on;
            }
        }
        None if is_on => read
            .warnings
            .push(format!("recogniser `{class}` is not one that Privet has")),
        None => {}
    }
}

/// A custom recogniser of a file; its languages give their context words.
fn custom(map: &Map<String, Value>, global: Option<&Value>) -> Result<Recognizer, BadRecognizer> {
    let mut map = map.clone();
    for key in ["type", "enabled", "class_name", "score_thresholds"] {
        map.remove(key);
    }
    if let Some(global) = global {
        map.entry("global_regex_flags").or_insert_with(|| global.clone());
    }
    let languages = map.remove("supported_languages");
    let mut recognizer = dictionary(&Value::Object(map))?.recognizer;
    for language in languages.as_ref().and_then(Value::as_array).into_iter().flatten() {
        if let Some(words) = language.get("context") {
            recognizer.context.extend(words_of(words, "context")?);
        }
    }
    Ok(recognizer)
}

fn is_on(map: &Map<String, Value>) -> bool {
    map.get("enabled").is_none_or(|v| v.as_bool() != Some(false))
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key)?.as_str().map(str::to_owned)
}

/// Reads what Presidio's `PatternRecognizer.from_dict` reads, as in `ad_hoc_recognizers`.
///
/// # Errors
/// [`BadRecognizer`]; the texts name fields and never hold values of lists.
pub fn dictionary(value: &Value) -> Result<Dictionary, BadRecognizer> {
    let form = |text: String| BadRecognizer::Form(text);
    let map = value
        .as_object()
        .ok_or_else(|| form("a recogniser must be an object".to_owned()))?;
    const KNOWN: &[&str] = &[
        "supported_entity",
        "supported_entities",
        "name",
        "supported_language",
        "patterns",
        "deny_list",
        "context",
        "deny_list_score",
        "global_regex_flags",
        "version",
        "country_code",
    ];
    if let Some(unknown) = map.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(form(format!(
            "PatternRecognizer got an unexpected keyword argument '{unknown}'"
        )));
    }
    let filled = |key: &str| map.get(key).filter(|v| !v.is_null());
    let string = |key: &str| match filled(key) {
        None => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(_) => Err(form(format!("`{key}` must be a string"))),
    };
    let list = |key: &str| filled(key).map_or(Ok(Vec::new()), |v| words_of(v, key));
    let entities = list("supported_entities")?;
    let single = string("supported_entity")?;
    if single.is_some() && map.contains_key("supported_entities") {
        return Err(BadRecognizer::Value(
            "Both 'supported_entity' and 'supported_entities' are present in the input dictionary. Only one should be provided.".to_owned(),
        ));
    }
    let entity_name = single.or_else(|| entities.into_iter().next()).ok_or_else(|| {
        form("PatternRecognizer is missing 1 required argument: 'supported_entity'".to_owned())
    })?;
    let (flags, is_verbose) = flags(filled("global_regex_flags"))?;
    let patterns = match filled("patterns") {
        None => Vec::new(),
        Some(Value::Array(patterns)) => patterns
            .iter()
            .map(|p| pattern(p, is_verbose))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(form("`patterns` must be a list".to_owned())),
    };
    let deny_list = list("deny_list")?;
    if patterns.is_empty() && deny_list.is_empty() {
        return Err(BadRecognizer::Value(
            "Pattern recognizer should be initialized with patterns or with deny list".to_owned(),
        ));
    }
    Ok(Dictionary {
        recognizer: Recognizer {
            name: string("name")?.unwrap_or_else(|| "PatternRecognizer".to_owned()),
            entity: entity(&entity_name).map_err(BadRecognizer::Value)?,
            patterns,
            deny_list,
            deny_list_score: match filled("deny_list_score") {
                None => 1.0,
                Some(score) => chance(score)?,
            },
            context: list("context")?,
            checksum: None,
            flags,
        },
        entity_name,
        language: string("supported_language")?,
    })
}

fn pattern(value: &Value, is_verbose: bool) -> Result<Pattern, BadRecognizer> {
    let form = |text: &str| BadRecognizer::Form(text.to_owned());
    let map = value
        .as_object()
        .ok_or_else(|| form("a pattern must be an object"))?;
    let name = text(map, "name").ok_or_else(|| form("a pattern needs a `name`"))?;
    let python = text(map, "regex").ok_or_else(|| form("a pattern needs a `regex`"))?;
    let score = map
        .get("score")
        .ok_or_else(|| form("a pattern needs a `score`"))?;
    let bad = |problem: String| BadRecognizer::Value(format!("Invalid regex pattern `{name}`: {problem}"));
    let mut regex = translate(&python).map_err(bad)?;
    if is_verbose {
        regex = format!("(?x:{regex}\n)");
    }
    if let Err(error) = fancy_regex::Regex::new(&regex) {
        return Err(bad(error.to_string()));
    }
    Ok(Pattern {
        regex,
        score: chance(score)?,
        name,
    })
}

fn chance(value: &Value) -> Result<f64, BadRecognizer> {
    let score = value
        .as_f64()
        .ok_or_else(|| BadRecognizer::Form("a score must be a number".to_owned()))?;
    if (0.0..=1.0).contains(&score) {
        Ok(score)
    } else {
        Err(BadRecognizer::Value(format!(
            "Invalid score: {score}. Score should be between 0 and 1"
        )))
    }
}

fn words_of(value: &Value, key: &str) -> Result<Vec<String>, BadRecognizer> {
    let wrong = || BadRecognizer::Form(format!("`{key}` must be a list of strings"));
    if value.is_null() {
        return Ok(Vec::new());
    }
    let words = value.as_array().ok_or_else(wrong)?.iter();
    words
        .map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong))
        .collect()
}

/// Flags of Python's `re` module as a number, and whether `VERBOSE` is among them; Presidio's default if there are none.
///
/// # Errors
/// [`BadRecognizer`] for what is no number, or a flag that Privet does not know.
pub fn flags(value: Option<&Value>) -> Result<(RegexFlags, bool), BadRecognizer> {
    let Some(value) = value else {
        return Ok((RegexFlags::default(), false));
    };
    let bits = value
        .as_i64()
        .ok_or_else(|| BadRecognizer::Form("regular-expression flags must be a number".to_owned()))?;
    let known = IGNORE_CASE | MULTI_LINE | DOT_ALL | UNICODE | VERBOSE;
    if bits & !known != 0 {
        return Err(BadRecognizer::Value(format!(
            "regular-expression flags {bits} hold one that is not understood; known ones are IGNORECASE (2), MULTILINE (8), DOTALL (16), UNICODE (32) and VERBOSE (64)"
        )));
    }
    let flags = RegexFlags {
        ignore_case: bits & IGNORE_CASE != 0,
        multi_line: bits & MULTI_LINE != 0,
        dot_all: bits & DOT_ALL != 0,
    };
    Ok((flags, bits & VERBOSE != 0))
}

/// The kind that Presidio calls `name`. Privet writes kinds in capitals, digits and `_`: `zip code` is `ZIP_CODE`.
///
/// # Errors
/// A sentence for people if that gives no name, or too many kinds were made before.
pub fn entity(name: &str) -> Result<Entity, String> {
    Entity::custom(&plain(name)).map_err(|e| format!("entity `{name}`: {e}"))
}

/// The same for a kind that is known already; makes none.
#[must_use]
pub fn known_entity(name: &str) -> Option<Entity> {
    Entity::parse(&plain(name))
}

fn plain(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use privet_types::Budget;
    use serde_json::json;

    use super::*;
    use crate::Analyzer;

    const FILE: &str = r#"
supported_languages: [en, de]
global_regex_flags: 24
recognizers:
  - name: Postcodes
    supported_languages:
      - language: de
        context: [plz]
      - language: en
        context: [zip]
    type: custom
    supported_entity: zip area
    patterns:
      - {name: weak, regex: "(?P<area>\\b\\d{5})\\Z", score: 0.05}
  - name: Titles
    supported_language: en
    supported_entity: TITLE
    deny_list: [Mr., Dr.]
    deny_list_score: 0.9
  - {name: Off, enabled: false, supported_entity: X, deny_list: [y]}
  - {name: UsPassportRecognizer, type: predefined, enabled: false}
  - {name: Kontonummern, class_name: UsBankRecognizer, type: predefined}
  - {name: ZaCompanyRegistrationRecognizer, type: predefined}
  - CreditCardRecognizer
"#;

    #[test]
    fn a_file_gives_recognizers_kinds_and_warnings() {
        let read = recognizers(FILE).unwrap();
        assert_eq!(read.own.len(), 2);
        assert_eq!(read.own[0].entity.name(), "ZIP_AREA");
        assert_eq!(read.own[0].context, ["plz", "zip"]);
        assert_eq!(read.own[0].patterns[0].regex, r"(?P<area>\b\d{5})\z");
        assert!(!read.own[0].flags.ignore_case && read.own[0].flags.dot_all);
        assert_eq!(read.own[1].deny_list_score, 0.9);
        assert_eq!(
            read.kinds.into_iter().collect::<Vec<_>>(),
            [
                (Entity::CREDIT_CARD, true),
                (Entity::US_BANK_NUMBER, true),
                (Entity::US_PASSPORT, false)
            ]
        );
        assert_eq!(read.warnings.len(), 1, "{:?}", read.warnings);
        assert!(read.warnings[0].contains("ZaCompanyRegistrationRecognizer"));
    }

    #[test]
    fn what_a_file_says_is_obeyed() {
        let mut config = Config::default();
        recognizers(FILE).unwrap().apply(&mut config);
        let analyzer = Analyzer::new(&config).unwrap();
        let kinds = |text: &str| -> Vec<String> {
            let found = analyzer.analyze(text, None, &Budget::unlimited()).unwrap();
            found.iter().map(|f| f.entity.to_string()).collect()
        };
        assert_eq!(kinds("Dr. Who"), ["TITLE"]);
        assert_eq!(kinds("die PLZ ist 10115"), ["ZIP_AREA"]);
        assert!(kinds("Nummer 10115").is_empty());
    }

    #[test]
    fn a_list_alone_is_a_file_and_bad_ones_name_the_recognizer() {
        let list = "- {name: A, supported_entity: A1, deny_list: [x]}";
        assert_eq!(recognizers(list).unwrap().own.len(), 1);
        for (yaml, said) in [
            ("recognizers: 5", "no list"),
            ("a: [", "cannot be read"),
            ("- {name: Bad One, supported_entity: A1}", "`Bad One`"),
            (
                "- {name: Bad One, supported_entity: A1, patterns: [{name: p, regex: '(', score: 1}]}",
                "`Bad One`",
            ),
            (
                "- {name: Bad One, supported_entity: A1, patterns: [{name: p, regex: '(?:x){e}', score: 1}]}",
                "fuzzy",
            ),
        ] {
            let error = recognizers(yaml).unwrap_err().to_string();
            assert!(error.contains(said), "{yaml}: {error}");
        }
    }

    #[test]
    fn files_that_are_not_yaml_or_explode_are_refused_without_their_text() {
        let mut bomb = "a: &a0 [x, x]\n".to_owned();
        for n in 1..40 {
            bomb.push_str(&format!("b{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1));
        }
        for yaml in [
            "- name: A\n  deny_list: [secretvalue\n  - x: {",
            "recognizers:\n\t- secretvalue: 1\n",
            &format!("{bomb}recognizers: 5 # secretvalue"),
        ] {
            let error = recognizers(yaml).unwrap_err().to_string();
            assert!(!error.contains("secretvalue"), "{error}");
        }
    }

    #[test]
    fn dictionaries_are_refused_as_presidio_refuses_them() {
        let is_form = |value: Value| matches!(dictionary(&value), Err(BadRecognizer::Form(_)));
        assert!(is_form(json!({"name": "x", "deny_list": ["a"]})));
        assert!(is_form(
            json!({"supported_entity": "X", "deny_list": ["a"], "other": 1})
        ));
        let is_value = |value: Value| matches!(dictionary(&value), Err(BadRecognizer::Value(_)));
        assert!(is_value(json!({"supported_entity": "X"})));
        assert!(is_value(
            json!({"supported_entity": "X", "patterns": [{"name": "p", "regex": "(", "score": 0.1}]})
        ));
        assert!(is_value(
            json!({"supported_entity": "X", "patterns": [{"name": "p", "regex": "a", "score": 3}]})
        ));
        assert!(is_value(
            json!({"supported_entity": "X", "deny_list": ["a"], "global_regex_flags": 256})
        ));
    }
}
