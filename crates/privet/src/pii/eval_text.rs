//! What was measured, for people at a terminal.

use std::fmt::Write;

use privet_pii::eval::{Counts, Rate, Scores};

use super::eval::Measured;

/// Width of a bar in characters.
const BAR: usize = 40;

/// The report as text.
pub(crate) fn report(measured: &Measured) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_report(&mut out, measured);
    out.truncate(out.trim_end().len());
    out
}

fn write_report(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let evaluation = &measured.evaluation;
    let total = evaluation.total();
    writeln!(
        out,
        "{}: {} texts, {} gold spans, {} findings of {} kinds (threshold {})\n",
        measured.gold,
        evaluation.documents(),
        total.gold,
        total.found,
        evaluation.kinds().len(),
        measured.threshold
    )?;
    writeln!(
        out,
        "{:<26}{:>6}{:>7}  {:>20}  {:>34}  {:>14}",
        "", "", "", "exact", "overlap", "leaked"
    )?;
    writeln!(
        out,
        "{:<26}{:>6}{:>7}  {:>6}{:>7}{:>7}  {:>6}{:>7}{:>7} {:>13}  {:>14}",
        "kind", "gold", "found", "P", "R", "F", "P", "R", "F", "[95 %]", "characters"
    )?;
    for (kind, counts) in evaluation.counts() {
        row(out, kind, counts, (counts.leaked, counts.characters))?;
    }
    let characters = evaluation.characters();
    let leaked = characters.recall.of - characters.recall.hits;
    row(out, "all", &total, (leaked, characters.recall.of))?;
    writeln!(
        out,
        "\ncharacters, whatever the kind: recall {}, precision {}, F {}",
        with_interval(characters.recall),
        with_interval(characters.precision),
        number(characters.f1())
    )?;
    if !evaluation.left_out().is_empty() {
        let kinds: Vec<_> = evaluation
            .left_out()
            .iter()
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        writeln!(
            out,
            "found, but not measured (not asked for, or not in the gold set): {}",
            kinds.join(", ")
        )?;
    }
    write_confusion(out, measured)?;
    write_reliability(out, measured)?;
    if !measured.is_own {
        return Ok(());
    }
    let speed = measured.bytes as f64 / 1e6 / measured.cpu.as_secs_f64().max(1e-9);
    writeln!(
        out,
        "\nspeed: {} bytes in {:.1} ms of CPU time, {speed:.2} MB a CPU second; slowest texts:",
        measured.bytes,
        measured.cpu.as_secs_f64() * 1e3
    )?;
    for slow in &measured.slowest {
        writeln!(
            out,
            "  {:<20} {:>8} µs  {:>8} bytes",
            slow.id,
            slow.cpu.as_micros(),
            slow.bytes
        )?;
    }
    Ok(())
}

fn row(out: &mut String, kind: &str, counts: &Counts, (leaked, characters): (u64, u64)) -> std::fmt::Result {
    let three = |s: Scores| {
        (
            number(s.precision.value()),
            number(s.recall.value()),
            number(s.f1()),
        )
    };
    let (exact, overlap) = (three(counts.exact()), three(counts.overlap()));
    let interval = counts
        .overlap()
        .f1_interval()
        .map_or(String::new(), |(low, high)| format!("[{low:.3}-{high:.3}]"));
    let share = Rate::new(leaked, characters)
        .value()
        .map_or(String::new(), |share| format!("({:.1} %)", share * 100.0));
    writeln!(
        out,
        "{kind:<26}{:>6}{:>7}  {:>6}{:>7}{:>7}  {:>6}{:>7}{:>7} {interval:>13}  {leaked:>6} {share:>9}",
        counts.gold, counts.found, exact.0, exact.1, exact.2, overlap.0, overlap.1, overlap.2
    )
}

/// A share with three places; `-` where there is none.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.3}"))
}

fn with_interval(rate: Rate) -> String {
    let interval = rate
        .interval()
        .map_or(String::new(), |(low, high)| format!(" [{low:.3}-{high:.3}]"));
    format!("{}{interval}", number(rate.value()))
}

fn write_confusion(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let mut cells: Vec<_> = measured
        .evaluation
        .confusion()
        .iter()
        .filter(|((gold, found), _)| gold != found && !gold.is_empty() && !found.is_empty())
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    cells.sort_by_key(|(cell, count)| (std::cmp::Reverse(**count), *cell));
    writeln!(out, "\nkinds taken for others:")?;
    for ((gold, found), count) in cells.into_iter().take(20) {
        writeln!(out, "  {count:>5}  {gold} as {found}")?;
    }
    Ok(())
}

fn write_reliability(out: &mut String, measured: &Measured) -> std::fmt::Result {
    let reliability = measured.evaluation.reliability();
    let Some(error) = reliability.expected_error() else {
        return Ok(());
    };
    writeln!(
        out,
        "\nhow often findings of a score are right (| is where honest scores end; expected calibration error {error:.3}):"
    )?;
    for (i, bin) in reliability.bins().iter().enumerate() {
        let (Some(share), Some(mean)) = (bin.right.value(), bin.mean_score()) else {
            continue;
        };
        let at = |share: f64| (share * BAR as f64).round() as usize;
        let bar: String = (0..=BAR)
            .map(|x| match (x == at(mean), x < at(share)) {
                (true, _) => '|',
                (false, true) => '#',
                (false, false) => ' ',
            })
            .collect();
        let (low, high) = (i as f64 / 10.0, (i + 1) as f64 / 10.0);
        let interval = bin.right.interval();
        let interval = interval.map_or(String::new(), |(low, high)| format!(" ({low:.2}–{high:.2})"));
        writeln!(
            out,
            "  {low:.1}-{high:.1} {bar} {share:.2}{interval} of {}",
            bin.right.of
        )?;
    }
    Ok(())
}
