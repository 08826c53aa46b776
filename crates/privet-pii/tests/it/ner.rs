//! What the network finds, through the public door.

use std::sync::LazyLock;

use privet_pii::{Analyzer, Config, Error, Ner};
use privet_types::{Budget, Entity};
use proptest::prelude::*;

static NER: LazyLock<Ner> = LazyLock::new(|| Ner::shipped().unwrap());

fn found(text: &str) -> Vec<(Entity, &str)> {
    NER.find(text, &Budget::unlimited())
        .unwrap()
        .iter()
        .map(|f| (f.entity, f.span.of(text).unwrap()))
        .collect()
}

/// Sentences written for this test; the training templates hold none of them.
const SENTENCES: &[(&str, Entity, &str)] = &[
    (
        "My name is Helga Brandstetter and I have a question.",
        Entity::PERSON,
        "Helga Brandstetter",
    ),
    (
        "hi, my name is omar haddad, i moved to lisbon last year",
        Entity::PERSON,
        "omar haddad",
    ),
    (
        "PLEASE CALL MARTIN KOVAC ABOUT THE INVOICE",
        Entity::PERSON,
        "MARTIN KOVAC",
    ),
    (
        "{\"customer\": \"Ingrid Solberg\", \"total\": 12}",
        Entity::PERSON,
        "Ingrid Solberg",
    ),
    (
        "We flew from Copenhagen to Nairobi on Monday.",
        Entity::LOCATION,
        "Nairobi",
    ),
    (
        "She joined Deutsche Bank as an analyst.",
        Entity::ORGANIZATION,
        "Deutsche Bank",
    ),
    (
        "The contract was signed on 14 March 2021.",
        Entity::DATE_TIME,
        "14 March 2021",
    ),
    ("Most of the guests were Norwegian.", Entity::NRP, "Norwegian"),
    (
        "Send it to 27 Maple Street, Springfield, IL 62701.",
        Entity::STREET_ADDRESS,
        "27 Maple Street, Springfield, IL 62701",
    ),
    (
        "Mein Name ist Jürgen Oberhofer und ich wohne in Linz.",
        Entity::PERSON,
        "Jürgen Oberhofer",
    ),
    (
        "Mijn naam is Sanne Verhoeven en ik woon in Utrecht.",
        Entity::LOCATION,
        "Utrecht",
    ),
    (
        "Jag heter Elin Sandström och bor i Malmö.",
        Entity::PERSON,
        "Elin Sandström",
    ),
    (
        "Je m'appelle Camille Lefebvre et j'habite à Nantes.",
        Entity::PERSON,
        "Camille Lefebvre",
    ),
    (
        "Me llamo Lucía Navarro y vivo en Sevilla.",
        Entity::LOCATION,
        "Sevilla",
    ),
    (
        "Mi chiamo Giulia Ferraro e abito a Torino.",
        Entity::PERSON,
        "Giulia Ferraro",
    ),
    (
        "O meu nome é Tiago Marques e moro em Coimbra.",
        Entity::PERSON,
        "Tiago Marques",
    ),
    (
        "Nazywam się Katarzyna Zielińska i mieszkam w Gdańsku.",
        Entity::PERSON,
        "Katarzyna Zielińska",
    ),
    (
        "Benim adım Emre Yılmaz ve Ankara'da yaşıyorum.",
        Entity::PERSON,
        "Emre Yılmaz",
    ),
    (
        "Меня зовут Анна Смирнова, я живу в Москве.",
        Entity::PERSON,
        "Анна Смирнова",
    ),
    ("私の名前は田中健一です。", Entity::PERSON, "田中健一"),
    ("我叫王小明，住在上海。", Entity::LOCATION, "上海"),
    (
        "मेरा नाम प्रिया शर्मा है और मैं दिल्ली में रहती हूँ।",
        Entity::PERSON,
        "प्रिया शर्मा",
    ),
    ("اسمي محمد حسن وأعيش في القاهرة.", Entity::PERSON, "محمد حسن"),
];

#[test]
fn four_sentences_in_five_over_fifteen_languages_give_the_value_exactly() {
    let missed: Vec<_> = SENTENCES
        .iter()
        .filter(|(text, entity, value)| !found(text).contains(&(*entity, *value)))
        .map(|(text, ..)| (text, found(text)))
        .collect();
    assert!(5 * missed.len() <= SENTENCES.len(), "{missed:#?}");
}

#[test]
fn source_code_and_settings_hold_no_names() {
    for text in [
        "pub fn parse(input: &str) -> Result<Config, Error> {\n    let mut lines = input.lines();\n    Ok(Config::default())\n}",
        "[package]\nname = \"example\"\nedition = \"2024\"\n\n[dependencies]\nserde = { version = \"1\" }",
        "if (window.location.hash) { document.title = Object.keys(map).join(', '); }",
        "SELECT name, price FROM items WHERE price > 10 ORDER BY name;",
        "Select the language, then press Save and close the window.",
    ] {
        let names: Vec<_> = found(text)
            .into_iter()
            .filter(|(e, _)| *e != Entity::DATE_TIME)
            .collect();
        assert_eq!(names, [], "{text}");
    }
}

#[test]
fn a_spent_budget_ends_the_search() {
    assert!(NER.find("Anna lives in Graz.", &Budget::new(10)).is_err());
}

#[test]
fn work_grows_with_length_and_no_faster() {
    let units = |text: &str| {
        let budget = Budget::new(u64::MAX);
        NER.find(text, &budget).unwrap();
        u64::MAX - budget.left()
    };
    for piece in ["a", "a ", ".", "Anna. ", "\n", "中", "A.", "\u{301}", "1,"] {
        let (short, long) = (units(&piece.repeat(500)), units(&piece.repeat(4_000)));
        assert!(long <= 8 * short + 64, "{piece:?}: {short} and {long}");
    }
}

#[test]
fn a_sentence_is_read_alike_alone_and_after_others() {
    let text = "Anna Berger lives in Graz.";
    let before = "Graz is a word seen before.\n\n";
    let both = format!("{before}{text}");
    let alone = NER.find(text, &Budget::unlimited()).unwrap();
    let after = NER.find(&both, &Budget::unlimited()).unwrap();
    let shifted: Vec<_> = after
        .iter()
        .filter(|f| f.span.start >= before.len())
        .map(|f| (f.entity, f.span.start - before.len(), f.score))
        .collect();
    let expected: Vec<_> = alone.iter().map(|f| (f.entity, f.span.start, f.score)).collect();
    assert!(!expected.is_empty());
    assert_eq!(shifted, expected);
}

proptest! {
    #[test]
    fn findings_are_sorted_disjoint_and_on_character_bounds(text in "\\PC{0,80}|([A-Z][a-zé]{1,8}[ ,.\n]{0,2}|[\u{4e00}-\u{4e40}]){0,60}") {
        let mut end = 0;
        for f in NER.find(&text, &Budget::unlimited()).unwrap() {
            prop_assert!(f.span.start >= end && !f.span.is_empty());
            prop_assert!(f.span.of(&text).is_some());
            prop_assert!((0.0..=1.0).contains(&f.score));
            end = f.span.end;
        }
    }
}

#[test]
fn a_network_that_is_asked_for_and_not_handed_in_is_an_error() {
    let mut config = Config {
        model: "rampart".to_owned(),
        ..Config::default()
    };
    assert!(matches!(Analyzer::new(&config), Err(Error::NoModel { name }) if name == "rampart"));
    config.network = false;
    assert!(Analyzer::new(&config).is_ok());
}
