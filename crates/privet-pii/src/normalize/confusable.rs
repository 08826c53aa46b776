//! Letters of other alphabets that look like a Latin letter.

/// Letters and the ASCII letter that each looks like, sorted.
///
/// Source: Unicode Technical Standard #39, `confusables.txt`, the rows of Latin, Greek, Cyrillic, Armenian, Cherokee, Coptic
/// and Lisu letters whose prototype is one ASCII letter (a capital that looks like `l` is given as `I`), without the ı of Turkish; to them come
/// the small letters к м т н в ь п of Cyrillic and κ τ η ε ω β of Greek, which the standard keeps apart but which
/// are used in place of k m t h b b n and k t n e w b.
#[rustfmt::skip]
const LOOKALIKES: &[(char, u8)] = &[
    ('\u{184}', b'b'), ('\u{192}', b'f'), ('\u{196}', b'I'), ('\u{1a6}', b'R'),
    ('\u{1bf}', b'p'), ('\u{1c0}', b'l'), ('\u{237}', b'j'), ('\u{24c}', b'R'), ('\u{251}', b'a'),
    ('\u{261}', b'g'), ('\u{263}', b'y'), ('\u{269}', b'i'), ('\u{26a}', b'i'), ('\u{26f}', b'w'),
    ('\u{284}', b'f'), ('\u{28b}', b'u'), ('\u{28f}', b'y'), ('\u{37f}', b'J'), ('\u{391}', b'A'),
    ('\u{392}', b'B'), ('\u{395}', b'E'), ('\u{396}', b'Z'), ('\u{397}', b'H'), ('\u{399}', b'I'),
    ('\u{39a}', b'K'), ('\u{39c}', b'M'), ('\u{39d}', b'N'), ('\u{39f}', b'O'), ('\u{3a1}', b'P'),
    ('\u{3a4}', b'T'), ('\u{3a5}', b'Y'), ('\u{3a7}', b'X'), ('\u{3b1}', b'a'), ('\u{3b2}', b'b'),
    ('\u{3b3}', b'y'), ('\u{3b5}', b'e'), ('\u{3b7}', b'n'), ('\u{3b9}', b'i'), ('\u{3ba}', b'k'),
    ('\u{3bd}', b'v'), ('\u{3bf}', b'o'), ('\u{3c1}', b'p'), ('\u{3c3}', b'o'), ('\u{3c4}', b't'),
    ('\u{3c5}', b'u'), ('\u{3c9}', b'w'), ('\u{3d2}', b'Y'), ('\u{3dc}', b'F'), ('\u{3ed}', b'o'),
    ('\u{3f1}', b'p'), ('\u{3f2}', b'c'), ('\u{3f3}', b'j'), ('\u{3f8}', b'p'), ('\u{3f9}', b'C'),
    ('\u{3fa}', b'M'), ('\u{405}', b'S'), ('\u{406}', b'I'), ('\u{408}', b'J'), ('\u{410}', b'A'),
    ('\u{412}', b'B'), ('\u{415}', b'E'), ('\u{41a}', b'K'), ('\u{41c}', b'M'), ('\u{41d}', b'H'),
    ('\u{41e}', b'O'), ('\u{420}', b'P'), ('\u{421}', b'C'), ('\u{422}', b'T'), ('\u{423}', b'Y'),
    ('\u{425}', b'X'), ('\u{42c}', b'b'), ('\u{430}', b'a'), ('\u{432}', b'b'), ('\u{433}', b'r'),
    ('\u{435}', b'e'), ('\u{43a}', b'k'), ('\u{43c}', b'm'), ('\u{43d}', b'h'), ('\u{43e}', b'o'),
    ('\u{43f}', b'n'), ('\u{440}', b'p'), ('\u{441}', b'c'), ('\u{442}', b't'), ('\u{443}', b'y'),
    ('\u{445}', b'x'), ('\u{448}', b'w'), ('\u{44c}', b'b'), ('\u{455}', b's'), ('\u{456}', b'i'),
    ('\u{458}', b'j'), ('\u{461}', b'w'), ('\u{474}', b'V'), ('\u{475}', b'v'), ('\u{4ae}', b'Y'),
    ('\u{4af}', b'y'), ('\u{4ba}', b'h'), ('\u{4bb}', b'h'), ('\u{4bd}', b'e'), ('\u{4c0}', b'I'),
    ('\u{4cf}', b'l'), ('\u{501}', b'd'), ('\u{50c}', b'G'), ('\u{51a}', b'Q'), ('\u{51b}', b'q'),
    ('\u{51c}', b'W'), ('\u{51d}', b'w'), ('\u{54d}', b'U'), ('\u{54f}', b'S'), ('\u{555}', b'O'),
    ('\u{561}', b'w'), ('\u{563}', b'q'), ('\u{566}', b'q'), ('\u{570}', b'h'), ('\u{575}', b'j'),
    ('\u{578}', b'n'), ('\u{57c}', b'n'), ('\u{57d}', b'u'), ('\u{581}', b'g'), ('\u{582}', b'i'),
    ('\u{584}', b'f'), ('\u{585}', b'o'), ('\u{13a0}', b'D'), ('\u{13a1}', b'R'), ('\u{13a2}', b'T'),
    ('\u{13a5}', b'i'), ('\u{13a9}', b'Y'), ('\u{13aa}', b'A'), ('\u{13ab}', b'J'), ('\u{13ac}', b'E'),
    ('\u{13b3}', b'W'), ('\u{13b7}', b'M'), ('\u{13bb}', b'H'), ('\u{13bd}', b'Y'), ('\u{13c0}', b'G'),
    ('\u{13c2}', b'h'), ('\u{13c3}', b'Z'), ('\u{13cf}', b'b'), ('\u{13d2}', b'R'), ('\u{13d4}', b'W'),
    ('\u{13d5}', b'S'), ('\u{13d9}', b'V'), ('\u{13da}', b'S'), ('\u{13de}', b'L'), ('\u{13df}', b'C'),
    ('\u{13e2}', b'P'), ('\u{13e6}', b'K'), ('\u{13e7}', b'd'), ('\u{13f3}', b'G'), ('\u{13f4}', b'B'),
    ('\u{1d04}', b'c'), ('\u{1d0f}', b'o'), ('\u{1d11}', b'o'), ('\u{1d1c}', b'u'), ('\u{1d20}', b'v'),
    ('\u{1d21}', b'w'), ('\u{1d22}', b'z'), ('\u{1d26}', b'r'), ('\u{2c82}', b'B'), ('\u{2c85}', b'r'),
    ('\u{2c8c}', b'Z'), ('\u{2c8d}', b'z'), ('\u{2c8e}', b'H'), ('\u{2c92}', b'I'), ('\u{2c93}', b'i'),
    ('\u{2c94}', b'K'), ('\u{2c98}', b'M'), ('\u{2c9a}', b'N'), ('\u{2c9e}', b'O'), ('\u{2c9f}', b'o'),
    ('\u{2ca2}', b'P'), ('\u{2ca3}', b'p'), ('\u{2ca4}', b'C'), ('\u{2ca5}', b'c'), ('\u{2ca6}', b'T'),
    ('\u{2ca8}', b'Y'), ('\u{2ca9}', b'y'), ('\u{2cac}', b'X'), ('\u{2cbd}', b'w'), ('\u{2cce}', b'P'),
    ('\u{2ccf}', b'p'), ('\u{2cd0}', b'L'), ('\u{a4d0}', b'B'), ('\u{a4d1}', b'P'), ('\u{a4d2}', b'd'),
    ('\u{a4d3}', b'D'), ('\u{a4d4}', b'T'), ('\u{a4d6}', b'G'), ('\u{a4d7}', b'K'), ('\u{a4d9}', b'J'),
    ('\u{a4da}', b'C'), ('\u{a4dc}', b'Z'), ('\u{a4dd}', b'F'), ('\u{a4df}', b'M'), ('\u{a4e0}', b'N'),
    ('\u{a4e1}', b'L'), ('\u{a4e2}', b'S'), ('\u{a4e3}', b'R'), ('\u{a4e6}', b'V'), ('\u{a4e7}', b'H'),
    ('\u{a4ea}', b'W'), ('\u{a4eb}', b'X'), ('\u{a4ec}', b'Y'), ('\u{a4ee}', b'A'), ('\u{a4f0}', b'E'),
    ('\u{a4f2}', b'l'), ('\u{a4f3}', b'O'), ('\u{a4f4}', b'U'), ('\u{abaa}', b's'),
];

/// The ASCII letter that `c`, a letter of another alphabet, looks like.
pub(super) fn latin(c: char) -> Option<u8> {
    let at = LOOKALIKES.binary_search_by_key(&c, |(from, _)| *from).ok()?;
    LOOKALIKES.get(at).map(|(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_letters_only() {
        assert!(LOOKALIKES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            LOOKALIKES
                .iter()
                .all(|(from, to)| from.is_alphabetic() && !from.is_ascii() && to.is_ascii_alphabetic())
        );
        assert_eq!(latin('\u{430}'), Some(b'a'));
        assert_eq!(latin('\u{434}'), None);
    }
}
