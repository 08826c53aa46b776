//! Vehicles and banks everywhere. Bank codes without a digit are found by `bic`, the walk stops at digits only.

use privet_types::Entity;

use super::checks::{value, value_at};
use super::{Check, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec {
        entity: Entity::VIN,
        rule: "vin/mod11",
        shapes: &["XXXXXXXXXXXXX9999", "XXX XXXXXX XXXX9999", "XXX-XXXXXX-XXXX9999"],
        check: vin,
        words: &[
            "vin",
            "vin number",
            "vin no",
            "vehicle identification",
            "vehicle identification number",
            "chassis",
            "chassis number",
            "chassis no",
            "frame number",
            "vehicle",
            "car",
            "fin",
            "fahrzeug identifizierungsnummer",
            "fahrzeugidentifikationsnummer",
            "fahrzeug identifikationsnummer",
            "fahrgestellnummer",
            "fahrgestell nr",
            "fahrgestellnr",
            "fahrzeug",
            "numéro de châssis",
            "châssis",
            "numéro de série",
            "bastidor",
            "número de bastidor",
            "número de chasis",
            "chasis",
            "telaio",
            "numero di telaio",
            "chassisnummer",
            "chassi",
            "número do chassi",
            "numer vin",
            "nadwozia",
            "chassinummer",
            "şasi",
            "şasi no",
            "şase",
            "車台番号",
            "车架号",
            "车辆识别",
            "vin код",
            "vin номер",
            "номер кузова",
            "चेसिस",
            "رقم الهيكل",
            "şasi numarası",
        ],
        form: 0.15,
        sum: 0.7,
        told: 0.9,
    },
    Spec {
        entity: Entity::SWIFT_CODE,
        rule: "swift-code/digits",
        shapes: &["^AAAAAAXX", "^AAAAAAXXXXX", "^AAAA_AA_XX_XXX", "^AAAA AA XX"],
        check: |compact| Check::form(is_bic(compact)),
        words: BIC_WORDS,
        form: 0.2,
        sum: 0.0,
        told: 0.95,
    },
];

/// Words that speak of bank identifier codes.
const BIC_WORDS: &[&str] = &[
    "bic",
    "swift",
    "swift code",
    "swift bic",
    "bic code",
    "bank identifier",
    "business identifier code",
    "bankleitzahl",
    "bankcode",
    "iban",
    "bank code",
    "code banque",
    "código swift",
    "codice swift",
    "codice bic",
    "код swift",
    "свифт",
    "бик",
    "银行代码",
    "スウィフト",
    "سويفت",
    "स्विफ्ट",
];

/// Values of letters in a vehicle's number, by letter; `I`, `O` and `Q` do not occur.
const LETTERS: [u32; 26] = [
    1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9,
];
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// Maker, kind of vehicle, check digit in the ninth place (modulus 11, `X` for 10; required in North America and China, used
/// by chance or not at all elsewhere), model year, plant, serial that ends in four digits.
///
/// Source: ISO 3779:2009, section 4; 49 CFR 565.15(c) for the check digit.
fn vin(compact: &[u8]) -> Check {
    let letters = compact.iter().filter(|b| b.is_ascii_uppercase()).count();
    let is_sound = compact.iter().all(|b| !b"IOQ".contains(b));
    let is_year = compact.get(9).is_some_and(|b| !b"UZ".contains(b));
    // Numbers and hexadecimal digests are long, too.
    let has_maker = compact.iter().take(3).any(u8::is_ascii_uppercase);
    let is_hexadecimal = compact.iter().all(u8::is_ascii_hexdigit);
    if letters < 2 || !is_sound || !has_maker || is_hexadecimal {
        return Check::No;
    }
    let value = |b: u8| match b {
        b'0'..=b'9' => value(b),
        _ => LETTERS
            .get(usize::from(b.saturating_sub(b'A')))
            .copied()
            .unwrap_or_default(),
    };
    let sum: u32 = compact.iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum();
    let is_right = match compact.get(8) {
        Some(b'X') => sum % 11 == 10,
        Some(b'0'..=b'9') => sum % 11 == value_at(compact, 8),
        _ => false,
    };
    if is_right && is_year {
        Check::Sum
    } else {
        Check::Form
    }
}

/// Countries of ISO 3166-1, and `XK` for Kosovo.
const COUNTRIES: &[u8] = b"ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

/// Four letters of the institution, country, two characters of the place (the second no `O`), three of the branch or none.
///
/// Source: ISO 9362:2022, section 4; SWIFT, "ISO 9362 implementation": institutions have letters only.
pub(crate) fn is_bic(compact: &[u8]) -> bool {
    let country = compact.get(4..6).unwrap_or_default();
    let is_place = compact.get(7) != Some(&b'O') && compact.get(6).is_some_and(|b| !matches!(b, b'0' | b'1'));
    matches!(compact.len(), 8 | 11)
        && compact.iter().take(6).all(u8::is_ascii_uppercase)
        && is_place
        && COUNTRIES.chunks(2).any(|c| c == country)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{finds, finds_alone, misses, misses_alone};

    #[test]
    fn vehicles_are_found_by_check_digit_or_word() {
        finds(Entity::VIN, "sold 1ZVBP8CF5C5204817 today", "1ZVBP8CF5C5204817");
        finds(
            Entity::VIN,
            "Fahrgestellnummer WZZZZZ8P6DA042918",
            "WZZZZZ8P6DA042918",
        );
        misses(Entity::VIN, "sold WZZZZZ8P6DA042918 today");
        finds_alone(Entity::VIN, "WZZZZZ8P6DA042918", "WZZZZZ8P6DA042918");
    }

    #[test]
    fn other_long_codes_are_no_vehicles() {
        for text in [
            "vin 1ZVBP8CF5C520481Q",
            "vin 1OVBP8CF5C5204817",
            "vin 20190714100412345",
            "vin ABCDEF01234567890",
            "vin 1ZVBP8CF5C52048177",
        ] {
            misses_alone(Entity::VIN, text);
        }
    }

    #[test]
    fn bank_codes_have_a_country() {
        assert!(is_bic(b"QQXXDEFF500") && is_bic(b"QQXXXK22"));
        assert!(!is_bic(b"QQXXZZFF") && !is_bic(b"QQXXDEFF5") && !is_bic(b"QQ1XDEFF"));
        assert_eq!(COUNTRIES.len(), 2 * 250);
        assert!(COUNTRIES.chunks(2).is_sorted());
    }
}
