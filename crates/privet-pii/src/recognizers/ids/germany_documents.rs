//! Germany: documents, vehicles, companies, places.

use privet_types::Entity;

use super::checks::{field, icao, value, weighted};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::DE_ID_CARD,
        rule: "de-id-card/serial",
        shapes: &["AXXXXXXXX"],
        check: id_serial,
        words: ID_CARD,
        form: 0.0,
        sum: 0.2,
        told: 0.85,
    },
    Spec {
        entity: Entity::DE_ID_CARD,
        rule: "de-id-card/check-digit",
        shapes: &["AXXXXXXXX9"],
        check: id_with_check_digit,
        words: ID_CARD,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::DE_ID_CARD,
        rule: "de-id-card/provisional",
        shapes: &["A99999999"],
        check: |compact| Check::form(compact.first() == Some(&b'T')),
        words: ID_CARD,
        form: 0.1,
        sum: 0.0,
        told: 0.85,
    },
    Spec {
        entity: Entity::DE_ID_CARD,
        rule: "de-id-card/provisional-short",
        shapes: &["A9999999"],
        check: |_| Check::Form,
        words: ID_CARD,
        form: 0.0,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::DE_PASSPORT,
        rule: "de-passport/serial",
        shapes: &["AXXXXXXXX"],
        check: passport_serial,
        words: PASSPORT,
        form: 0.0,
        sum: 0.2,
        told: 0.85,
    },
    Spec {
        entity: Entity::DE_PASSPORT,
        rule: "de-passport/provisional",
        shapes: &["A9999999"],
        check: |_| Check::Form,
        words: PASSPORT,
        form: 0.0,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::DE_PASSPORT,
        rule: "de-passport/check-digit",
        shapes: &["AXXXXXXXX9", "AXXXXXXXX9d"],
        check: passport_with_check_digit,
        words: PASSPORT,
        form: 0.0,
        sum: 0.3,
        told: 0.0,
    },
    Spec {
        entity: Entity::DE_FUEHRERSCHEIN,
        rule: "de-fuehrerschein/mod11",
        shapes: &["AXXXXXXXXXX"],
        check: licence,
        words: &[
            "führerschein*",
            "fuehrerschein*",
            "fahrerlaubnis",
            "fahrerlaubnisnummer",
            "fahrerlaubnis nr",
            "driving licence",
            "driving license",
            "driver license",
            "driver s license",
            "drivers license",
            "driver licence",
            "licence number",
            "permis de conduire",
            "permiso de conducir",
            "carnet de conducir",
            "patente",
            "patente di guida",
            "rijbewijs",
            "prawo jazdy",
            "körkort",
            "sürücü belgesi",
            "ehliyet",
            "carta de condução",
            "運転免許",
            "驾驶证",
            "驾照",
            "водительск*",
        ],
        form: 0.05,
        sum: 0.3,
        told: 0.85,
    },
    Spec {
        entity: Entity::DE_HANDELSREGISTER,
        rule: "de-handelsregister/hr",
        shapes: &[
            "hra_99?9?9?9?9?",
            "hrb_99?9?9?9?9?",
            "hra 99?9?9?9?9? A",
            "hrb 99?9?9?9?9? A",
        ],
        check: |_| Check::Form,
        words: REGISTER,
        form: 0.6,
        sum: 0.0,
        told: 0.95,
    },
    Spec {
        entity: Entity::DE_HANDELSREGISTER,
        rule: "de-handelsregister/other",
        shapes: &[
            "gnr_99?9?9?9?9?",
            "pr_99?9?9?9?9?",
            "vr_99?9?9?9?9?",
            "gsr_99?9?9?9?9?",
        ],
        check: |_| Check::Form,
        words: REGISTER,
        form: 0.05,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_KFZ,
        rule: "de-kfz/hyphen",
        shapes: &[
            "^AA?A?-AA? 99?9?9?A?",
            "^AA?A?-AA?-99?9?9?A?",
            "^AA?A?-AA?99?9?9?A?",
        ],
        check: plate,
        words: PLATE_OR_CAR,
        form: 0.3,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_KFZ,
        rule: "de-kfz/spaces",
        shapes: &["^AA?A? AA? 99?9?9?A?", "^AA?A? AA?99?9?9?A?"],
        check: plate,
        words: PLATE,
        form: 0.15,
        sum: 0.0,
        told: 0.9,
    },
    Spec {
        entity: Entity::DE_KFZ,
        rule: "de-kfz/small-letters",
        shapes: &[
            "AA?A?-AA? 99?9?9?A?",
            "AA?A? AA? 99?9?9?A?",
            "AA?A?-AA?-99?9?9?A?",
        ],
        check: plate,
        words: &[
            "kennzeichen",
            "nummernschild",
            "autokennzeichen",
            "kfz kennzeichen",
        ],
        form: 0.02,
        sum: 0.0,
        told: 0.7,
    },
    Spec {
        entity: Entity::DE_PLZ,
        rule: "de-plz/form",
        shapes: &["99999"],
        check: postcode,
        words: &[
            "plz",
            "postleitzahl",
            "postleitzahlen",
            "post leitzahl",
            "postcode",
            "postal code",
            "post code",
            "code postal",
            "código postal",
            "codice postale",
            "wohnort",
            "anschrift",
            "adresse",
            "kod pocztowy",
            "posta kodu",
            "郵便番号",
            "邮编",
            "почтовый индекс",
        ],
        form: 0.05,
        sum: 0.0,
        told: 0.5,
    },
    Spec {
        entity: Entity::DE_PLZ,
        rule: "de-plz/country",
        shapes: &["d-99999"],
        check: |compact| postcode(compact.get(1..).unwrap_or_default()),
        words: &["plz", "postleitzahl", "anschrift", "adresse", "address"],
        form: 0.4,
        sum: 0.0,
        told: 0.9,
    },
];

const PLATE: &[&str] = &[
    "kennzeichen",
    "kfz",
    "nummernschild",
    "autokennzeichen",
    "license plate",
    "licence plate",
    "number plate",
    "registration plate",
    "plate",
    "plaque",
    "immatriculation",
    "matrícula",
    "targa",
    "kenteken",
    "plaka",
    "tablica rejestracyjna",
    "registreringsnummer",
    "nummerplade",
    "ナンバープレート",
    "车牌",
    "номерной знак",
    "госномер",
];

/// Words that often stand beside the makes and models of cars, too.
const PLATE_OR_CAR: &[&str] = &[
    "kennzeichen",
    "kfz",
    "nummernschild",
    "autokennzeichen",
    "license plate",
    "licence plate",
    "number plate",
    "registration plate",
    "plate",
    "plaque",
    "immatriculation",
    "matrícula",
    "targa",
    "kenteken",
    "plaka",
    "tablica rejestracyjna",
    "registreringsnummer",
    "nummerplade",
    "ナンバープレート",
    "车牌",
    "номерной знак",
    "госномер",
    "kraftfahrzeug",
    "zulassung",
    "fahrzeug",
    "fahrzeugschein",
    "halter",
    "pkw",
    "lkw",
    "auto",
    "wagen",
    "registration",
    "car",
    "vehicle",
    "truck",
    "van",
    "voiture",
    "coche",
    "macchina",
];

const ID_CARD: &[&str] = &[
    "personalausweis",
    "personalausweisnummer",
    "personalausweis nr",
    "ausweis",
    "ausweisnummer",
    "ausweis nr",
    "ausweisnr",
    "perso",
    "npa",
    "id card",
    "identity card",
    "identity document",
    "id number",
    "carte d identité",
    "documento de identidad",
    "carta d identità",
    "identiteitskaart",
    "dowód osobisty",
    "bilhete de identidade",
    "kimlik kartı",
    "身份证",
    "身分証",
    "удостоверение личности",
];

const PASSPORT: &[&str] = &[
    "reisepass",
    "reisepassnummer",
    "reisepass nr",
    "pass nr",
    "passnummer",
    "passnr",
    "pass nummer",
    "passport",
    "passeport",
    "pasaporte",
    "passaporto",
    "paspoort",
    "paszport",
    "passaporte",
    "pasaport",
    "パスポート",
    "旅券",
    "护照",
    "паспорт*",
    "جواز",
    "पासपोर्ट",
];

const REGISTER: &[&str] = &[
    "handelsregister*",
    "amtsgericht",
    "registergericht",
    "ag",
    "registernummer",
    "register nr",
    "hr nr",
    "handelsreg",
    "vereinsregister",
    "genossenschaftsregister",
    "partnerschaftsregister",
    "commercial register",
    "trade register",
    "company register",
    "registre du commerce",
    "registro mercantil",
    "registro delle imprese",
];

/// Letters of serial numbers: no vowels, and none that look like others.
fn is_serial(compact: &[u8]) -> bool {
    compact
        .iter()
        .all(|b| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b))
}

fn begins_with(compact: &[u8], letters: &[u8]) -> bool {
    compact.first().is_some_and(|b| letters.contains(b))
}

/// Whether the last character is the check digit of ICAO Doc 9303 over those before it.
fn is_icao(compact: &[u8]) -> bool {
    compact
        .split_last()
        .is_some_and(|(check, rest)| check.is_ascii_digit() && value(*check) == icao(rest))
}

/// Four characters of the authority and five by chance; the check digit over them stands only in the machine-readable zone.
/// Much software takes the ninth character for it: where no word speaks of a card, only such values count.
///
/// Source: section 2(8) of the Personalausweisgesetz; Personalausweisverordnung, annex 1; ICAO Doc 9303 part 3.
fn id_serial(compact: &[u8]) -> Check {
    if !is_serial(compact) {
        Check::No
    } else if is_icao(compact) {
        Check::Sum
    } else {
        Check::form(begins_with(compact, b"LMNPRTVWXY"))
    }
}

/// The serial number and the check digit of the machine-readable zone.
///
/// Source: as for [`id_serial`].
fn id_with_check_digit(compact: &[u8]) -> Check {
    Check::sum(is_serial(compact) && begins_with(compact, b"LMNPRTVWXY") && is_icao(compact))
}

/// Like an identity card's ([`id_serial`]), with other first letters.
///
/// Source: section 4(2) of the Passgesetz; Passverordnung, annexes; ICAO Doc 9303 part 3.
fn passport_serial(compact: &[u8]) -> Check {
    if !is_serial(compact) || !begins_with(compact, b"CFGHJK") {
        Check::No
    } else if is_icao(compact) {
        Check::Sum
    } else {
        Check::Form
    }
}

/// The serial number and the check digit of the machine-readable zone, perhaps `D` behind it.
fn passport_with_check_digit(compact: &[u8]) -> Check {
    let number = compact.get(..10).unwrap_or_default();
    Check::sum(is_serial(number) && begins_with(number, b"CFGHJK") && is_icao(number))
}

/// Four characters of the authority, five of the licence, check digit (weights 9 to 1, letters from `A` = 10, modulus 11, `X`
/// for 10), one for the copy. Two letters and eight digits count beside a word even if the check digit is wrong.
///
/// Source: Fahrerlaubnis-Verordnung, annex 8, field 5; Kraftfahrt-Bundesamt, "Standard zur Führerscheinnummer".
fn licence(compact: &[u8]) -> Check {
    let sum = weighted(compact, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
    let check = compact.get(9).map(|b| if *b == b'X' { 10 } else { value(*b) });
    let digits = compact.iter().filter(|b| b.is_ascii_digit()).count();
    if check == Some(sum) && digits >= 4 {
        return Check::Sum;
    }
    let (letters, number) = compact.split_at_checked(2).unwrap_or_default();
    let has_number = number.iter().take(8).all(u8::is_ascii_digit);
    Check::form(letters.iter().all(u8::is_ascii_uppercase) && has_number)
}

/// One to three letters of the district, one or two letters, up to four digits without a leading zero, `H` for historic or `E`
/// for electric vehicles; at most eight characters in all.
///
/// Source: Fahrzeug-Zulassungsverordnung (2023), sections 9 to 11 and annexes 1 to 4.
fn plate(compact: &[u8]) -> Check {
    let letters = compact.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let number = compact.get(letters..).unwrap_or_default();
    let suffix = number.last().filter(|b| b.is_ascii_uppercase());
    let is_suffix = suffix.is_none_or(|b| matches!(b, b'H' | b'E'));
    let has_zero = number.first() == Some(&b'0');
    Check::form(is_suffix && !has_zero && compact.len() <= 8)
}

/// 01001 to 99998.
///
/// Source: Deutsche Post, "Postleitzahlenverzeichnis"; 01067 is the least and 99998 the greatest that is in use.
fn postcode(compact: &[u8]) -> Check {
    Check::form(field(compact, 0, 5).is_some_and(|n| (1_001..=99_998).contains(&n)))
}

#[cfg(test)]
mod tests {
    use privet_types::Entity;

    use crate::testing::{finds_alone, misses, misses_alone};

    #[test]
    fn documents_are_found_beside_a_word() {
        for (entity, word, value) in [
            (Entity::DE_ID_CARD, "Personalausweis", "LZR4K20TM"),
            (Entity::DE_ID_CARD, "id card no.", "LZR4K20TM8"),
            (Entity::DE_ID_CARD, "Ausweis-Nr.", "T40718265"),
            (Entity::DE_PASSPORT, "Reisepass", "C4F0H7WR2"),
            (Entity::DE_PASSPORT, "passport", "C4F0H7WR26D"),
            (Entity::DE_PASSPORT, "Kinderreisepass, Pass-Nr.", "E4071826"),
            (Entity::DE_FUEHRERSCHEIN, "Führerschein-Nr.", "K204PLX0772"),
            (Entity::DE_KFZ, "Kennzeichen", "B QX 4071E"),
            (Entity::DE_KFZ, "Der Wagen", "HH-QX 407"),
        ] {
            // Other countries' passports are written alike.
            finds_alone(entity, &format!("{word}: {value}."), value);
            misses(entity, &format!("item {value}"));
        }
    }

    #[test]
    fn without_a_word_only_serials_whose_last_digit_is_right_count() {
        finds_alone(Entity::DE_ID_CARD, "L3F7N0XT7", "L3F7N0XT7");
        misses_alone(Entity::DE_ID_CARD, "L3F7N0XT8");
        misses_alone(Entity::DE_ID_CARD, "LZR4K20TM");
        finds_alone(Entity::DE_ID_CARD, "T40718265", "T40718265");
    }

    #[test]
    fn other_values_are_refused_even_beside_a_word() {
        for (entity, text) in [
            (Entity::DE_ID_CARD, "Personalausweis LAR4K20TM"),
            (Entity::DE_ID_CARD, "Personalausweis LZR4K20TM9"),
            (Entity::DE_PASSPORT, "Reisepass A4F0H7WR2"),
            (Entity::DE_PASSPORT, "Reisepass C4F0H7WR27"),
            (Entity::DE_FUEHRERSCHEIN, "Führerschein K204PLX0782"),
            (Entity::DE_KFZ, "Kennzeichen B-QX 0407"),
            (Entity::DE_KFZ, "Kennzeichen B-QX 407K"),
            (Entity::DE_KFZ, "Kennzeichen HVL-QX 4071E"),
            (Entity::DE_PLZ, "PLZ 00815"),
            (Entity::DE_PLZ, "PLZ 99999"),
            (Entity::DE_HANDELSREGISTER, "HRC 40718"),
        ] {
            misses_alone(entity, text);
        }
    }

    #[test]
    fn registers_and_postcodes_are_found() {
        finds_alone(
            Entity::DE_HANDELSREGISTER,
            "Amtsgericht Kiel, HRB 40718 B",
            "HRB 40718 B",
        );
        finds_alone(Entity::DE_HANDELSREGISTER, "HRA40718", "HRA40718");
        finds_alone(Entity::DE_PLZ, "PLZ: 24103", "24103");
        finds_alone(Entity::DE_PLZ, "D-24103 Kiel", "D-24103");
    }
}
