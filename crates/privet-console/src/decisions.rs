//! What was decided just now, without any text.

use askama::Template;

use crate::Frame;

/// Decisions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "decisions.html")]
pub struct DecisionsPage {
    /// What stands round it.
    pub frame: Frame,
    /// The table, which renews itself.
    pub list: DecisionList,
    /// What is asked for.
    pub filter: Filter,
    /// Whether who looks may see names.
    pub shows_names: bool,
}

/// The table alone: what a page that renews itself asks for.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "decision_list.html")]
pub struct DecisionList {
    /// The decisions.
    pub rows: Vec<DecisionRow>,
    /// Whether only some of the time asked for could be looked through.
    pub is_cut: bool,
    /// Where it asks for itself again; none if it rests.
    pub renews: Option<String>,
    /// Where the page starts again to renew itself; none if it does not rest.
    pub resumes: Option<String>,
    /// When it was made, in UTC.
    pub at: String,
}

/// What is asked for. Empty texts ask for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// The last minutes.
    pub minutes: u32,
    /// `allow`, `redact`, `block`.
    pub outcome: String,
    /// A name, or a pseudonym.
    pub who: String,
    /// A model, as callers ask for it.
    pub model: String,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// When, in UTC.
    pub at: String,
    /// `allow`, `redact`, `block`.
    pub action: &'static str,
    /// Why, as a code.
    pub reason: String,
    /// A name where it may be seen, else a pseudonym; empty if nobody is known.
    pub who: String,
    /// Whether `who` is a pseudonym.
    pub is_pseudonym: bool,
    /// Which dialect or address.
    pub surface: &'static str,
    /// The model; empty if none.
    pub model: String,
    /// The provider; empty if none.
    pub provider: String,
    /// What was replaced.
    pub kinds: Vec<(String, u32)>,
    /// Time to decide, in milliseconds as they are read.
    pub time: String,
    /// The request's id.
    pub request_id: String,
}

/// The times to choose from: minutes, and how they are called.
const TIMES: [(u32, &str); 5] = [
    (15, "15 minutes"),
    (60, "hour"),
    (24 * 60, "day"),
    (7 * 24 * 60, "7 days"),
    (30 * 24 * 60, "30 days"),
];

/// The outcomes to choose from.
const OUTCOMES: [(&str, &str); 4] = [
    ("", "all"),
    ("allow", "sent as they came"),
    ("redact", "values replaced"),
    ("block", "not sent"),
];

impl DecisionsPage {
    const fn times() -> [(u32, &'static str); 5] {
        TIMES
    }

    const fn outcomes() -> [(&'static str, &'static str); 4] {
        OUTCOMES
    }
}

impl DecisionRow {
    /// The outcome in words, and its class in the style sheet.
    fn outcome(&self) -> (&'static str, &'static str) {
        match self.action {
            "allow" => ("as it came", "plain"),
            "redact" => ("replaced", "good"),
            _ => ("not sent", "bad"),
        }
    }

    fn short_id(&self) -> &str {
        self.request_id.get(..8).unwrap_or(&self.request_id)
    }

    fn short_who(&self) -> &str {
        if self.is_pseudonym {
            self.who.get(..12).unwrap_or(&self.who)
        } else {
            &self.who
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> DecisionRow {
        DecisionRow {
            at: "05:06:07".to_owned(),
            action: "redact",
            reason: "masked".to_owned(),
            who: "<script>alert(1)</script>".to_owned(),
            is_pseudonym: false,
            surface: "openai_chat",
            model: "\"><img src=x>".to_owned(),
            provider: "openai".to_owned(),
            kinds: vec![("EMAIL_ADDRESS".to_owned(), 2)],
            time: "0.8".to_owned(),
            request_id: "0123456789".to_owned(),
        }
    }

    #[test]
    fn names_are_shown_as_they_are_and_never_as_html() {
        let list = DecisionList {
            rows: vec![row()],
            is_cut: false,
            renews: Some("/console/decisions?left=3&part=list".to_owned()),
            resumes: None,
            at: "05:06:08".to_owned(),
        };
        let html = list.render().unwrap();
        assert!(!html.contains("<script>") && !html.contains("<img"), "{html}");
        assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
        assert!(html.contains("hx-trigger=\"every 5s\""), "{html}");
    }

    #[test]
    fn a_list_that_rests_says_how_it_goes_on() {
        let list = DecisionList {
            rows: Vec::new(),
            is_cut: false,
            renews: None,
            resumes: Some("/console/decisions".to_owned()),
            at: "05:06:08".to_owned(),
        };
        let html = list.render().unwrap();
        assert!(
            !html.contains("hx-trigger") && html.contains("Renew by itself"),
            "{html}"
        );
    }
}
