//! What stands round every page.

/// What stands round a page: its title, who is signed in, and where else that person may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// Who is signed in; nobody on the pages for signing in.
    pub who: Option<Who>,
    /// Where that person may go. What it may not see is not here.
    pub menu: Vec<MenuSection>,
    /// What was just done, or why not.
    pub notice: Option<Notice>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Under which name.
    pub name: String,
    /// Whose installation space.
    pub tenant: String,
    /// Its roles, in order.
    pub roles: Vec<String>,
    /// What its forms must send along, in the field `csrf_token`.
    pub forgery_token: String,
}

/// Pages that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuSection {
    /// What they are about.
    pub name: &'static str,
    /// The pages.
    pub items: Vec<MenuItem>,
}

/// One page in the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuItem {
    /// Its path.
    pub path: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it is the page that is shown, or holds it.
    pub is_current: bool,
}

/// What was just done, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// Whether it is about something that failed.
    pub is_failure: bool,
}

impl Notice {
    /// Something was done.
    #[must_use]
    pub fn done(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_failure: false,
        }
    }

    /// Something was not done.
    #[must_use]
    pub fn failed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_failure: true,
        }
    }
}

impl Frame {
    /// The frame of a page for people who have not signed in.
    #[must_use]
    pub fn outside(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            who: None,
            menu: Vec::new(),
            notice: None,
        }
    }

    /// The same with a notice.
    #[must_use]
    pub fn with_notice(mut self, notice: Option<Notice>) -> Self {
        self.notice = notice;
        self
    }

    /// What forms must send along; empty where nobody is signed in.
    #[must_use]
    pub fn forgery_token(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.forgery_token)
    }
}
