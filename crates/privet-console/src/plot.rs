//! Plots, drawn here: SVG whose places are numbers of ours. Colours come from the style sheet, words beside them from a table.

use askama::Template;

/// Height of the place that columns stand in.
const HEIGHT: u32 = 120;
/// Width of the place of one column, with the gap.
const STEP: u32 = 24;
/// The gap.
const GAP: u32 = 6;

/// Columns over time, each of parts that stand on one another.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "plot/columns.svg", escape = "html")]
pub struct Columns {
    title: String,
    width: u32,
    height: u32,
    rects: Vec<Rect>,
    labels: Vec<Label>,
    top: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rect {
    class: &'static str,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    x: u32,
    text: String,
}

/// One column: what stands under it, and its parts from below, each with a class of the style sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands under it; empty for nothing.
    pub label: String,
    /// Its parts from below.
    pub parts: Vec<(&'static str, u64)>,
}

impl Columns {
    /// A plot named `title`. The highest column fills its height.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: &[Column]) -> Self {
        let height_of = |column: &Column| column.parts.iter().map(|(_, value)| value).sum::<u64>();
        let top = columns.iter().map(height_of).max().unwrap_or(0);
        let (mut rects, mut labels, mut x) = (Vec::new(), Vec::new(), 0_u32);
        for column in columns {
            let mut base = 0_u64;
            for (class, value) in &column.parts {
                let (from, to) = (scaled(base, top), scaled(base + value, top));
                base += value;
                if to > from {
                    rects.push(Rect {
                        class,
                        x: x + GAP / 2,
                        y: HEIGHT - to,
                        width: STEP - GAP,
                        height: to - from,
                    });
                }
            }
            if !column.label.is_empty() {
                labels.push(Label {
                    x: x + STEP / 2,
                    text: column.label.clone(),
                });
            }
            x += STEP;
        }
        Self {
            title: title.into(),
            width: x.max(STEP),
            height: HEIGHT,
            rects,
            labels,
            top: crate::amount(top),
        }
    }
}

/// `value` in units of the plot's height, of which `top` has all.
fn scaled(value: u64, top: u64) -> u32 {
    let scaled = value
        .saturating_mul(u64::from(HEIGHT))
        .checked_div(top)
        .unwrap_or(0);
    u32::try_from(scaled).unwrap_or(HEIGHT).min(HEIGHT)
}

/// One row of a table with a bar in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// How much.
    pub value: u64,
    /// The bar's length, 0 to 100.
    pub length: u64,
    /// The value as it is read.
    pub said: String,
}

impl Bar {
    /// Rows of `values`; the longest bar has the whole length.
    #[must_use]
    pub fn rows(values: impl IntoIterator<Item = (String, u64)>) -> Vec<Self> {
        let values: Vec<(String, u64)> = values.into_iter().collect();
        let top = values.iter().map(|(_, value)| *value).max().unwrap_or(0);
        let row = |(label, value): (String, u64)| Self {
            label,
            value,
            length: value.saturating_mul(100).checked_div(top).unwrap_or(0),
            said: crate::amount(value),
        };
        values.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(label: &str, parts: &[(&'static str, u64)]) -> Column {
        Column {
            label: label.to_owned(),
            parts: parts.to_vec(),
        }
    }

    #[test]
    fn parts_stand_on_one_another_and_the_highest_column_fills_the_place() {
        let plot = Columns::new(
            "t",
            &[column("0", &[("a", 1), ("b", 2)]), column("", &[("a", 6)])],
        );
        let places: Vec<_> = plot
            .rects
            .iter()
            .map(|rect| (rect.class, rect.x, rect.y, rect.height))
            .collect();
        assert_eq!(places, [("a", 3, 100, 20), ("b", 3, 60, 40), ("a", 27, 0, 120)]);
        assert_eq!((plot.width, plot.labels.len(), plot.top.as_str()), (48, 1, "6"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing_and_the_largest_numbers_fit() {
        assert!(Columns::new("t", &[]).rects.is_empty());
        assert!(Columns::new("t", &[column("0", &[("a", 0)])]).rects.is_empty());
        let plot = Columns::new("t", &[column("0", &[("a", u64::MAX / 2)])]);
        assert!(plot.rects.iter().all(|rect| rect.height <= HEIGHT), "{plot:?}");
    }

    #[test]
    fn a_title_is_escaped() {
        let plot = Columns::new("<script>", &[]).render().unwrap();
        assert!(!plot.contains("<script>"), "{plot}");
    }

    #[test]
    fn bars_are_as_long_as_their_share_of_the_longest() {
        let rows = Bar::rows([("a".to_owned(), 50), ("b".to_owned(), 200)]);
        let lengths: Vec<u64> = rows.iter().map(|row| row.length).collect();
        assert_eq!(lengths, [25, 100]);
        assert_eq!(Bar::rows([("a".to_owned(), 0)])[0].length, 0);
    }
}
