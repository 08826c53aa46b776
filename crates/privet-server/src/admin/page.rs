//! Lists in pages.

use http::StatusCode;

use super::call::{Call, bad_field};
use crate::problem::Problem;

/// Rows of a page, unless something else is asked for.
const USUAL: usize = 100;
/// Most rows of a page.
const MOST: usize = 1000;

pub(super) const LIMIT: (&str, &str) = ("limit", "Most rows, 1 to 1000; 100 if left out.");
pub(super) const AFTER: (&str, &str) = (
    "after",
    "Go on behind this row: what `next` of the page before says.",
);

/// Which part of a list is asked for.
pub(crate) struct Page {
    limit: usize,
    after: Option<String>,
}

impl Page {
    /// As many rows as usual, behind the one of the name `after`; the first ones if it is empty.
    pub(crate) fn behind(after: &str) -> Self {
        Self {
            limit: USUAL,
            after: Some(after.to_owned()).filter(|after| !after.is_empty()),
        }
    }

    pub(super) fn of(call: &Call) -> Result<Self, Problem> {
        let limit = match call.asked("limit") {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| bad_field("limit", "use 1 to 1000"))?,
        };
        Ok(Self {
            limit,
            after: call.asked("after").map(ToOwned::to_owned),
        })
    }

    /// The rows that are asked for of `all`, which are ordered by `name`, and where the next page begins.
    pub(super) fn by_name<T>(
        &self,
        all: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref().unwrap_or_default();
        self.cut(all.skip_while(|row| name(row) <= after), &name)
    }

    /// The same where `name` is no order: behind the row of the name that is asked for.
    ///
    /// `is_shown` says which rows are wanted.
    pub(super) fn by_place<T>(
        &self,
        mut all: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
        is_shown: impl Fn(&T) -> bool,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        if let Some(after) = self.after.as_deref()
            && !all.any(|row| name(&row) == after)
        {
            let text = "`after`: there is no such row; begin anew without it";
            return Err(Problem::coded(StatusCode::BAD_REQUEST, "bad_field", text));
        }
        Ok(self.cut(all.filter(is_shown), &name))
    }

    fn cut<T>(&self, rest: impl Iterator<Item = T>, name: &impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let mut rows: Vec<T> = rest.take(self.limit + 1).collect();
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| has_more).map(|row| name(row).to_owned());
        (rows, next)
    }
}
