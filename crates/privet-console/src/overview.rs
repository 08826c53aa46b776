//! The first page: what was protected today, by kind and team, and how Privet is.

use askama::Template;

use crate::Frame;
use crate::plot::{Bar, Columns};

/// What was protected today, and how Privet is.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    /// What stands round it.
    pub frame: Frame,
    /// The day, in UTC.
    pub day: String,
    /// Whose prompts are counted: those of all, or of who looks alone.
    pub is_of_all: bool,
    /// What was counted; none if the store could not be asked.
    pub today: Option<Today>,
    /// How the parts of Privet are; empty if who looks may not see it.
    pub health: Vec<Health>,
    /// Alerts and incidents that are open; none if who looks may not see them.
    pub open: Option<OpenMatters>,
}

/// What was counted of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Today {
    /// Whether there were more decisions than are counted: then these are the newest.
    pub is_cut: bool,
    /// Prompts and texts that were looked at.
    pub looked_at: u64,
    /// Those in which something was replaced.
    pub masked: u64,
    /// Those that were not sent.
    pub blocked: u64,
    /// Values that were replaced.
    pub values: u64,
    /// The middle of the times that looking took, in milliseconds as they are read.
    pub middle_time: String,
    /// By hour.
    pub hours: Vec<Hour>,
    /// Values by kind, the most first.
    pub kinds: Vec<Bar>,
    /// Values by team, the most first; none if who looks may not see who is in which.
    pub teams: Option<Vec<Bar>>,
}

/// What was counted of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hour {
    /// From this hour of the day on.
    pub hour: u8,
    /// Sent as they came.
    pub clean: u64,
    /// Sent with values replaced.
    pub masked: u64,
    /// Not sent.
    pub blocked: u64,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub is_well: bool,
    /// What there is to say.
    pub text: String,
}

/// What waits for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMatters {
    /// Alerts that nobody has closed.
    pub alerts: u64,
    /// Incidents that are not closed.
    pub incidents: u64,
}

impl OverviewPage {
    fn said(number: &u64) -> String {
        crate::amount(*number)
    }
}

impl Today {
    fn share_masked(&self) -> String {
        crate::share(self.masked, self.looked_at)
    }

    /// The hours as a plot.
    fn plot(&self) -> Columns {
        let columns: Vec<crate::plot::Column> = self
            .hours
            .iter()
            .map(|hour| crate::plot::Column {
                label: if hour.hour.is_multiple_of(6) {
                    format!("{:02}", hour.hour)
                } else {
                    String::new()
                },
                parts: vec![
                    ("clean", hour.clean),
                    ("masked", hour.masked),
                    ("blocked", hour.blocked),
                ],
            })
            .collect();
        Columns::new(
            "Prompts by hour of the day; the table below has the numbers",
            &columns,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> OverviewPage {
        OverviewPage {
            frame: Frame::outside("Overview"),
            day: "2026-03-04".to_owned(),
            is_of_all: true,
            today: Some(Today {
                is_cut: false,
                looked_at: 1200,
                masked: 300,
                blocked: 4,
                values: 2345,
                middle_time: "1.2".to_owned(),
                hours: (0..24)
                    .map(|hour| Hour {
                        hour,
                        ..Hour::default()
                    })
                    .collect(),
                kinds: Bar::rows([("EMAIL_ADDRESS".to_owned(), 40)]),
                teams: Some(Bar::rows([("<b>research</b>".to_owned(), 7)])),
            }),
            health: vec![Health {
                name: "Store",
                is_well: false,
                text: "does not answer".to_owned(),
            }],
            open: None,
        }
    }

    #[test]
    fn numbers_are_told_and_names_are_escaped() {
        let html = page().render().unwrap();
        assert!(
            html.contains("1\u{202f}200") && html.contains("25\u{202f}%"),
            "{html}"
        );
        assert!(
            html.contains("research") && !html.contains("<b>research"),
            "{html}"
        );
        assert!(html.contains("needs attention"), "{html}");
    }

    #[test]
    fn a_store_that_cannot_be_asked_is_told_of() {
        let page = OverviewPage {
            today: None,
            ..page()
        };
        assert!(page.render().unwrap().contains("cannot be counted"));
    }
}
