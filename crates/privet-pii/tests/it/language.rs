//! Languages of the gold texts, segment by segment.

use privet_pii::Language;

use crate::gold;

/// Letters of the shortest segment that is counted; a character of Chinese or Japanese counts as three.
const LEAST_LETTERS: usize = 60;

fn letters(text: &str) -> usize {
    let weight = |c: char| {
        if ('\u{3040}'..='\u{9fff}').contains(&c) {
            3
        } else {
            1
        }
    };
    text.chars().filter(|c| c.is_alphabetic()).map(weight).sum()
}

#[test]
fn the_language_of_gold_segments_is_told_above_the_floor() {
    let (mut right, mut wrong, mut unknown, mut total) = (0, 0, 0, 0);
    let mut listed = Vec::new();
    for language in Language::ALL {
        for text in gold::texts(language.code()) {
            for segment in text.split("\n\n").filter(|s| letters(s) >= LEAST_LETTERS) {
                total += 1;
                match Language::detect(segment) {
                    Some(found) if found == language => right += 1,
                    found => {
                        wrong += usize::from(found.is_some());
                        unknown += usize::from(found.is_none());
                        listed.push(format!("{} as {found:?}: {segment}", language.code()));
                    }
                }
            }
        }
    }
    println!(
        "{right} right, {wrong} wrong, {unknown} unknown of {total}\n{}",
        listed.join("\n--\n")
    );
    assert!(right as f64 >= 0.97 * total as f64, "{right} of {total}");
    assert!(wrong as f64 <= 0.015 * total as f64, "{wrong} of {total}");
}
