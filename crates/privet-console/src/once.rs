//! What is shown once, when it is made, and never again: a key, a code.

use std::fmt;

/// A secret that was just made, for whoever made it. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Once {
    /// What it is, as a heading.
    pub what: String,
    /// What to do with it.
    pub how: String,
    /// The secret.
    pub text: String,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_once_is_not_shown_by_debug() {
        let once = Once {
            what: "The key".to_owned(),
            how: String::new(),
            text: "sesame".to_owned(),
        };
        assert_eq!(format!("{once:?}"), "Once { what: \"The key\", .. }");
    }
}
