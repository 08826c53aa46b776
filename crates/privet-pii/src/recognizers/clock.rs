//! Times of day, ISO 8601 and as they are spoken: `14:05`, `3 pm`, `14 Uhr 30`, `15h30`, `15時30分`.

use super::scan::Scan;
use super::words::{Digits, Word, sense};

/// A time of day that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) end: usize,
    pub(super) score: f32,
}

/// The word left of `at`, behind spaces and at most one mark.
pub(super) fn word_left(scan: &Scan<'_>, at: usize) -> Option<Word> {
    let mut at = at;
    let mut marks = 0;
    loop {
        match scan.back(at, 1) {
            b' ' | b'\t' if marks < 4 => {}
            b':' | b'(' | b'.' | b'"' | b'\'' if marks < 4 => {}
            _ => break,
        }
        at -= 1;
        marks += 1;
    }
    if marks == 0 && scan.char_before(at).is_none_or(|c| c.is_ascii()) {
        return None;
    }
    scan.word_before(at)
}

/// The time of day whose hour is `hour`; `is_told`: whether a word or a date before it says that a time follows.
pub(super) fn clock_at(scan: &Scan<'_>, hour: Digits, is_told: bool) -> Option<Clock> {
    if hour.count > 2 || hour.value > 24 {
        return None;
    }
    let at = hour.end;
    let colon = match scan.char_at(at)? {
        ':' | '：' => digital(scan, hour, is_told),
        '.' => {
            let minute = minute_at(scan, at + 1)?;
            let end = spoken_end(scan, minute.end).or((is_told && hour.count == 2).then_some(minute.end))?;
            is_free(scan, end).then_some(Clock { end, score: 0.6 })
        }
        'h' | 'H' => {
            let minute = minute_at(scan, at + 1);
            let end = minute.map_or(at + 1, |m| m.end);
            let score = if minute.is_some() { 0.6 } else { 0.4 };
            (!scan.is_word_inside(end)).then_some(Clock { end, score })
        }
        '時' | '时' | '点' | '點' => unspaced(scan, at + 3),
        _ => None,
    };
    colon.or_else(|| spoken(scan, hour, is_told))
}

fn minute_at(scan: &Scan<'_>, at: usize) -> Option<Digits> {
    scan.digits_at(at).filter(|m| m.count == 2 && m.value < 60)
}

/// `14:05`, `09:42:11.5`, with a zone.
fn digital(scan: &Scan<'_>, hour: Digits, is_told: bool) -> Option<Clock> {
    let colon = scan.char_at(hour.end)?.len_utf8();
    let minute = minute_at(scan, hour.end + colon)?;
    let mut end = minute.end;
    let mut score = if hour.count == 2 || is_told { 0.55 } else { 0.4 };
    if scan.at(end) == b':'
        && let Some(second) = scan.digits_at(end + 1).filter(|s| s.count == 2 && s.value <= 60)
    {
        end = second.end;
        score = 0.7;
        if matches!(scan.at(end), b'.' | b',')
            && let Some(part) = scan.digits_at(end + 1).filter(|p| p.count <= 9)
        {
            end = part.end;
        }
    }
    let end = spoken_end(scan, end).unwrap_or(end);
    let end = zone_end(scan, end);
    is_free(scan, end).then_some(Clock { end, score })
}

/// Whether a time can end at `at`: nothing that makes it part of a longer number or code follows.
fn is_free(scan: &Scan<'_>, at: usize) -> bool {
    let next_is_alphanumeric = scan.at(at + 1).is_ascii_alphanumeric();
    !scan.is_word_inside(at)
        && match scan.at(at) {
            b':' | b'-' | b'/' => !next_is_alphanumeric,
            b'.' | b',' => !scan.at(at + 1).is_ascii_digit(),
            b'%' | b'_' => false,
            _ => true,
        }
}

/// The end of `am`, `p.m.`, `Uhr` behind a time that ends at `at`.
fn spoken_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let from = scan.skip_spaces(at);
    for half in ["a.m.", "p.m.", "a. m.", "p. m."] {
        if let Some(end) = scan.skip_text(from, half) {
            return Some(end);
        }
    }
    let word = scan.word_at(from)?;
    (word.is(sense::HALF | sense::HOUR) && !scan.is_word_inside(word.end)).then_some(word.end)
}

/// The end of `Z`, `UTC`, `+02:00` behind a time that ends at `at`.
fn zone_end(scan: &Scan<'_>, at: usize) -> usize {
    if scan.at(at) == b'Z' {
        return at + 1;
    }
    let from = if scan.at(at) == b' ' { at + 1 } else { at };
    if matches!(scan.at(from), b'+' | b'-')
        && let Some(hours) = scan.digits_at(from + 1)
    {
        if hours.count == 4 && hours.value <= 1459 {
            return hours.end;
        }
        if hours.count == 2 && hours.value <= 14 {
            let minutes = (scan.at(hours.end) == b':')
                .then(|| minute_at(scan, hours.end + 1))
                .flatten();
            if let Some(minutes) = minutes {
                return minutes.end;
            }
        }
    }
    let capitals = scan.word_at(from).filter(|w| {
        w.is(sense::ZONE)
            && !scan.is_word_inside(w.end)
            && scan.slice(w.start, w.end).iter().all(u8::is_ascii_uppercase)
    });
    capitals.map_or(at, |w| w.end)
}

/// `15時30分`, `15時半`, behind the sign for the hour.
fn unspaced(scan: &Scan<'_>, at: usize) -> Option<Clock> {
    match scan.char_at(at) {
        Some('間' | '间') => return None,
        Some('半') => {
            return Some(Clock {
                end: at + 3,
                score: 0.6,
            });
        }
        _ => {}
    }
    let minute = scan.digits_at(at).filter(|m| m.count <= 2 && m.value < 60);
    let end = minute
        .filter(|m| scan.char_at(m.end) == Some('分'))
        .map_or(at, |m| m.end + 3);
    Some(Clock { end, score: 0.6 })
}

/// `3 pm`, `14 Uhr 30`, `9 h 30`, `à 15 heures`.
fn spoken(scan: &Scan<'_>, hour: Digits, is_told: bool) -> Option<Clock> {
    let from = scan.skip_spaces(hour.end);
    if let Some(end) = spoken_half(scan, from).filter(|_| hour.value <= 12) {
        return Some(Clock {
            end: zone_end(scan, end),
            score: 0.65,
        });
    }
    let word = scan.word_at(from)?;
    if !word.is(sense::HOUR) || scan.is_word_inside(word.end) {
        return None;
    }
    let after = scan.skip_spaces(word.end);
    let minute = minute_at(scan, after).filter(|m| !scan.is_word_inside(m.end));
    let is_sure = word.meaning.value == 1 || minute.is_some() || is_told;
    is_sure.then_some(Clock {
        end: minute.map_or(word.end, |m| m.end),
        score: 0.6,
    })
}

fn spoken_half(scan: &Scan<'_>, from: usize) -> Option<usize> {
    for half in ["a.m.", "p.m.", "a.m", "p.m"] {
        if let Some(end) = scan.skip_text(from, half) {
            return (!scan.is_word_inside(end)).then_some(end);
        }
    }
    let word = scan.word_at(from)?;
    (word.is(sense::HALF) && !scan.is_word_inside(word.end)).then_some(word.end)
}
