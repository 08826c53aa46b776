//! People, service accounts and groups: who there is, what they have, and changing it.

use askama::Template;

use crate::{Frame, Once};

/// People, or service accounts, and a form for another one.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether they are people.
    pub are_people: bool,
    /// A page of them.
    pub rows: Vec<PersonRow>,
    /// Which are shown.
    pub filter: PeopleFilter,
    /// Where the next page is; none if this is the last one.
    pub next: Option<String>,
    /// Whether who looks may make some.
    pub may_change: bool,
}

/// One person, or one service account.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "person.html")]
pub struct PersonPage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether it is a person.
    pub is_person: bool,
    /// Who.
    pub row: PersonRow,
    /// What else is known: what, and in words.
    pub facts: Vec<(&'static str, String)>,
    /// Its own roles.
    pub roles: Vec<String>,
    /// Its groups, with the roles that each gives.
    pub groups: Vec<(String, Vec<String>)>,
    /// The roles that who looks may grant to it.
    pub grantable: Vec<String>,
    /// Whether who looks may change it.
    pub may_change: bool,
    /// Whether it is who looks.
    pub is_oneself: bool,
    /// The code that was just made.
    pub made: Option<Once>,
}

/// Somebody in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The name.
    pub name: String,
    /// `active`, `disabled` or `by_key`.
    pub state: &'static str,
    /// Its own roles and those of its groups.
    pub roles: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
}

/// Which are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeopleFilter {
    /// Names that begin so.
    pub begins: String,
    /// Who has this role.
    pub role: String,
    /// Who is in this group.
    pub group: String,
    /// In this state.
    pub state: String,
}

/// Groups, and a form for another one.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "groups.html")]
pub struct GroupsPage {
    /// What stands round it.
    pub frame: Frame,
    /// A page of them.
    pub rows: Vec<GroupRow>,
    /// Where the next page is; none if this is the last one.
    pub next: Option<String>,
    /// Whether who looks may make some.
    pub may_change: bool,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "group.html")]
pub struct GroupPage {
    /// What stands round it.
    pub frame: Frame,
    /// Which.
    pub row: GroupRow,
    /// When it was made.
    pub created_at: String,
    /// The roles that who looks may grant to it.
    pub grantable: Vec<String>,
    /// Whether who looks may change it.
    pub may_change: bool,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// Who is in it.
    pub members: Vec<String>,
}

impl PeoplePage {
    const fn path(&self) -> &'static str {
        if self.are_people {
            "/console/people"
        } else {
            "/console/services"
        }
    }

    const fn states(&self) -> &'static [(&'static str, &'static str)] {
        if self.are_people {
            &[("", "all"), ("active", "active"), ("disabled", "switched off")]
        } else {
            &[
                ("", "all"),
                ("active", "active"),
                ("disabled", "switched off"),
                ("by_key", "named by a key alone"),
            ]
        }
    }
}

impl GroupPage {
    /// Where its forms go.
    fn place(&self) -> String {
        format!("/console/groups/{}", self.row.name)
    }
}

impl PersonPage {
    /// Where its forms go.
    fn place(&self) -> String {
        format!("{}/{}", self.path(), self.row.name)
    }

    const fn path(&self) -> &'static str {
        if self.is_person {
            "/console/people"
        } else {
            "/console/services"
        }
    }
}

impl PersonRow {
    /// Its state in words.
    fn said(&self) -> &'static str {
        match self.state {
            "disabled" => "switched off",
            "by_key" => "by key",
            _ => "active",
        }
    }

    /// How its state is coloured.
    fn class(&self) -> &'static str {
        match self.state {
            "disabled" => "bad",
            "by_key" => "warn",
            _ => "good",
        }
    }
}
