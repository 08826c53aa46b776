//! Names of months and weekdays.

use serde::{Deserialize, Serialize};

/// A language whose dates are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    En,
    De,
    Fr,
    Es,
    It,
    Nl,
    Pt,
}

/// How a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Case {
    Title,
    Lower,
    Upper,
}

/// Which list of names: months or weekdays, whole or short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Months,
    ShortMonths,
    Weekdays,
    ShortWeekdays,
}

struct Calendar {
    language: Language,
    /// How the language itself writes them inside a sentence.
    case: Case,
    months: [&'static str; 12],
    short_months: [&'static str; 12],
    weekdays: [&'static str; 7],
    short_weekdays: [&'static str; 7],
}

/// Unicode CLDR 45, calendar names (Gregorian, format wide and abbreviated, without full stops), January and Monday first.
const CALENDARS: &[Calendar] = &[
    Calendar {
        language: Language::En,
        case: Case::Title,
        months: [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        short_months: [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
        weekdays: [
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
        short_weekdays: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    },
    Calendar {
        language: Language::De,
        case: Case::Title,
        months: [
            "januar",
            "februar",
            "märz",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "dezember",
        ],
        short_months: [
            "jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez",
        ],
        weekdays: [
            "montag",
            "dienstag",
            "mittwoch",
            "donnerstag",
            "freitag",
            "samstag",
            "sonntag",
        ],
        short_weekdays: ["mo", "di", "mi", "do", "fr", "sa", "so"],
    },
    Calendar {
        language: Language::Fr,
        case: Case::Lower,
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        short_months: [
            "janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc",
        ],
        weekdays: [
            "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
        ],
        short_weekdays: ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"],
    },
    Calendar {
        language: Language::Es,
        case: Case::Lower,
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        short_months: [
            "ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic",
        ],
        weekdays: [
            "lunes",
            "martes",
            "miércoles",
            "jueves",
            "viernes",
            "sábado",
            "domingo",
        ],
        short_weekdays: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    },
    Calendar {
        language: Language::It,
        case: Case::Lower,
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        short_months: [
            "gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic",
        ],
        weekdays: [
            "lunedì",
            "martedì",
            "mercoledì",
            "giovedì",
            "venerdì",
            "sabato",
            "domenica",
        ],
        short_weekdays: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    },
    Calendar {
        language: Language::Nl,
        case: Case::Lower,
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        short_months: [
            "jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec",
        ],
        weekdays: [
            "maandag",
            "dinsdag",
            "woensdag",
            "donderdag",
            "vrijdag",
            "zaterdag",
            "zondag",
        ],
        short_weekdays: ["ma", "di", "wo", "do", "vr", "za", "zo"],
    },
    Calendar {
        language: Language::Pt,
        case: Case::Lower,
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        short_months: [
            "jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez",
        ],
        weekdays: [
            "segunda-feira",
            "terça-feira",
            "quarta-feira",
            "quinta-feira",
            "sexta-feira",
            "sábado",
            "domingo",
        ],
        short_weekdays: ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"],
    },
];

impl Calendar {
    fn names(&self, names: Names) -> &[&'static str] {
        match names {
            Names::Months => &self.months,
            Names::ShortMonths => &self.short_months,
            Names::Weekdays => &self.weekdays,
            Names::ShortWeekdays => &self.short_weekdays,
        }
    }
}

/// The place of `word` in a list of names, counted from 0; the languages that write it so come first.
pub(crate) fn find(word: &str, allowed: Option<Language>) -> Option<(Language, Names, usize, Case)> {
    let case = case_of(word)?;
    let lower = word.to_lowercase();
    let fits = |calendar: &&Calendar| allowed.is_none_or(|language| calendar.language == language);
    let at = |calendar: &Calendar| {
        [
            Names::Months,
            Names::ShortMonths,
            Names::Weekdays,
            Names::ShortWeekdays,
        ]
        .into_iter()
        .find_map(|names| {
            let index = calendar.names(names).iter().position(|name| *name == lower)?;
            Some((calendar.language, names, index, case))
        })
    };
    let calendars = || CALENDARS.iter().filter(fits);
    calendars()
        .filter(|c| c.case == case)
        .find_map(at)
        .or_else(|| calendars().find_map(at))
}

/// Name number `index` (counted from 0), written in `case`.
pub(crate) fn name(language: Language, names: Names, index: usize, case: Case) -> Option<String> {
    let calendar = CALENDARS.iter().find(|c| c.language == language)?;
    let name = calendar.names(names).get(index)?;
    let mut letters = name.chars();
    Some(match case {
        Case::Lower => (*name).to_owned(),
        Case::Upper => name.to_uppercase(),
        Case::Title => letters.next()?.to_uppercase().chain(letters).collect(),
    })
}

fn case_of(word: &str) -> Option<Case> {
    let mut letters = word.chars().filter(|c| c.is_alphabetic());
    let first = letters.next()?;
    Some(
        match (
            first.is_uppercase(),
            letters.next().is_some_and(char::is_uppercase),
        ) {
            (false, _) => Case::Lower,
            (true, false) => Case::Title,
            (true, true) => Case::Upper,
        },
    )
}
