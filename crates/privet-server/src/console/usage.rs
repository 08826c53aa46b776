//! What others have used of their limits: the tenant, people, groups, keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use privet_access::{Account, Privilege};
use privet_console::budgets::Gauge;
use privet_console::usage::{UsagePage, UsageRow, UsageTable};
use privet_policy::limits::{Asker, Part, Standing};
use privet_types::Principal;

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::budgets::{Measured, card, of, window};
use super::changes::more;
use super::form::with_query;
use super::visit::Visit;
use crate::admin::{self, Page};
use crate::problem::Problem;

pub(super) const PATH: &str = "/console/usage";
/// People that are looked at on one page.
const MOST_PEOPLE: usize = 100;
/// People in groups that are looked at on one page.
const MOST_MEMBERS: usize = 500;
/// Rows of a table, and those among which they are chosen.
const MOST_ROWS: usize = 100;
const MOST_COLLECTED: usize = 10_000;

/// What can be looked at: as the address has it, in words, and what that needs beside the page itself.
const VIEWS: [(&str, &str, Option<Privilege>); 4] = [
    ("people", "people and service accounts", None),
    ("groups", "groups", Some(Privilege::PeopleRead)),
    ("keys", "API keys", Some(Privilege::KeyRead)),
    ("tenant", "the whole tenant", None),
];

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::ReadMetrics).await?;
        let page = desk.usage_page(&visit).await;
        let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&page)
    })
    .await
}

/// What is put into tables, while it is collected.
#[derive(Default)]
struct Collected {
    is_shared: bool,
    /// By limit and bound, in the order in which they came up.
    tables: Vec<Table>,
}

struct Table {
    title: String,
    of: String,
    rows: Vec<Row>,
    /// Those for which there was no room.
    more: usize,
}

struct Row {
    label: String,
    link: String,
    gauge: Gauge,
    used: u64,
}

impl Collected {
    /// Takes what `label` used by `standing`.
    fn take(&mut self, standing: &Standing, (label, link): (&str, &str), currency: &str) {
        for measured in Measured::all(standing) {
            let gauge = measured.gauge(currency);
            self.push(
                standing,
                measured.name,
                Row {
                    label: match &standing.model {
                        Some(model) => format!("{label}, {model}"),
                        None => label.to_owned(),
                    },
                    link: link.to_owned(),
                    used: measured.used,
                    gauge,
                },
            );
        }
    }

    fn push(&mut self, standing: &Standing, what: &str, row: Row) {
        let title = format!("{}, {what}", standing.rule.name);
        // Which model and which group, the row says.
        let whole = Standing {
            model: None,
            group: None,
            ..standing.clone()
        };
        let of = [of(&whole), window(standing)];
        let of: Vec<String> = of.into_iter().filter(|part| !part.is_empty()).collect();
        let of = of.join(" · ");
        let found = self
            .tables
            .iter_mut()
            .find(|known| known.title == title && known.of == of);
        match found {
            Some(table) if table.rows.len() < MOST_COLLECTED => table.rows.push(row),
            Some(table) => table.more += 1,
            None => self.tables.push(Table {
                title,
                of,
                rows: vec![row],
                more: 0,
            }),
        }
    }

    fn shown(self) -> Vec<UsageTable> {
        let tables = self.tables.into_iter().map(|mut table| {
            // Of equal shares, whoever comes first in the alphabet.
            table.rows.sort_by(|one, other| {
                let key = |row: &Row| std::cmp::Reverse((row.gauge.share, row.used));
                key(one)
                    .cmp(&key(other))
                    .then_with(|| one.label.cmp(&other.label))
            });
            let more = table.more + table.rows.len().saturating_sub(MOST_ROWS);
            table.rows.truncate(MOST_ROWS);
            UsageTable {
                title: table.title,
                of: table.of,
                rows: table
                    .rows
                    .into_iter()
                    .map(|row| UsageRow {
                        label: row.label,
                        link: row.link,
                        gauge: row.gauge,
                    })
                    .collect(),
                more,
            }
        });
        tables.collect()
    }
}

fn is_of_each(standing: &Standing, part: Part) -> bool {
    standing.rule.each.contains(&part)
}

/// Whether principals are counted apart by it, and not by their keys.
fn is_of_principals(standing: &Standing) -> bool {
    is_of_each(standing, Part::Principal) && !is_of_each(standing, Part::Key)
}

/// Whether all that it is for in a tenant, or anywhere, share one count.
fn is_of_all(standing: &Standing) -> bool {
    ![Part::Principal, Part::Key, Part::Group]
        .into_iter()
        .any(|part| is_of_each(standing, part))
}

impl Desk {
    async fn usage_page(&self, visit: &Visit) -> Result<UsagePage, Problem> {
        let shows_names = self.may(visit, Privilege::PeopleRead);
        let views = VIEWS
            .into_iter()
            .filter(|(_, _, needs)| needs.is_none_or(|needs| self.may(visit, needs)))
            .map(|(name, said, _)| (name, said));
        let views: Vec<(&str, &str)> = views.collect();
        let asked = visit.form.text("of");
        let view = views.iter().find(|(name, _)| *name == asked);
        let view = view.or(views.first()).map_or("people", |(name, _)| *name);
        let name = if shows_names { visit.form.text("name") } else { "" };
        let currency = self.gateway.limits.currency();
        let mut page = UsagePage {
            frame: self.frame(visit, "Use of budgets"),
            is_shared: false,
            views,
            view,
            name: name.to_owned(),
            limits: Vec::new(),
            tables: Vec::new(),
            next: None,
            is_cut: false,
            shows_names,
        };
        let mut collected = Collected::default();
        if !name.is_empty() {
            let people = self.gateway.keys().accounts_of(&visit.caller().tenant);
            if !people.iter().any(|account| account.name().as_str() == name) {
                return Err(Problem::told(StatusCode::NOT_FOUND, "Nobody here has this name."));
            }
            let memberships = self.memberships(visit);
            let groups = memberships.get(name).map_or(&[][..], Vec::as_slice);
            let standings = self.used_by(visit, (name, ""), groups, &mut collected).await?;
            let own = standings
                .iter()
                .filter(|standing| !is_of_each(standing, Part::Key));
            page.limits = own.map(|standing| card(standing, currency)).collect();
        } else {
            match view {
                "tenant" => {
                    let standings = self.used_by_tenant(visit, &mut collected).await?;
                    let cards = standings.iter().map(|standing| card(standing, currency));
                    page.limits = cards.collect();
                }
                "groups" => (page.next, page.is_cut) = self.used_by_groups(visit, &mut collected).await?,
                "keys" => page.next = self.used_by_keys(visit, &mut collected).await?,
                _ => page.next = self.used_by_people(visit, shows_names, &mut collected).await?,
            }
        }
        page.is_shared = collected.is_shared;
        page.tables = collected.shown();
        Ok(page)
    }

    /// What the principal `name`, in these groups, has used of its limits, by the key `key` where keys are counted apart.
    async fn used_by(
        &self,
        visit: &Visit,
        (name, key): (&str, &str),
        groups: &[String],
        collected: &mut Collected,
    ) -> Result<Vec<Standing>, Problem> {
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let asker = Asker {
            tenant: visit.caller().tenant.as_str(),
            principal: name,
            key,
            groups: &groups,
            surface: None,
            model: None,
        };
        let (standings, is_shared) = self.gateway.limits.standings_of(&asker, visit.now).await?;
        collected.is_shared = is_shared;
        Ok(standings)
    }

    /// The groups of everybody in the tenant.
    fn memberships(&self, visit: &Visit) -> HashMap<String, Vec<String>> {
        let accounts = self.gateway.keys().accounts_of(&visit.caller().tenant);
        let groups = |account: &Account| account.groups().map(|(group, _)| group.to_string()).collect();
        accounts
            .iter()
            .map(|account| (account.name().to_string(), groups(account)))
            .collect()
    }

    async fn used_by_tenant(
        &self,
        visit: &Visit,
        collected: &mut Collected,
    ) -> Result<Vec<Standing>, Problem> {
        // A limit that is for some alone is theirs together, and none of nobody's: it is asked for in the name of one of them.
        let rules = self.gateway.policy.limits().rules.iter();
        let names: BTreeSet<&str> = rules
            .filter_map(|rule| rule.principals.first().map(String::as_str))
            .chain([""])
            .collect();
        let mut found: Vec<Standing> = Vec::new();
        let rules = self.gateway.policy.limits().rules.iter();
        let groups: Vec<String> = rules.filter_map(|rule| rule.groups.first().cloned()).collect();
        for name in names {
            let standings = self.used_by(visit, (name, ""), &groups, collected).await?;
            for standing in standings.into_iter().filter(is_of_all) {
                let is_known =
                    |known: &Standing| known.rule.name == standing.rule.name && known.model == standing.model;
                if !found.iter().any(is_known) {
                    found.push(standing);
                }
            }
        }
        Ok(found)
    }

    async fn used_by_people(
        &self,
        visit: &Visit,
        shows_names: bool,
        collected: &mut Collected,
    ) -> Result<Option<String>, Problem> {
        let (tenant, currency) = (&visit.caller().tenant, self.gateway.limits.currency());
        let label = |name: &Principal| {
            if shows_names {
                name.to_string()
            } else {
                self.gateway.pseudonyms.pseudonym(tenant, name).0
            }
        };
        // In the order of what is shown: that of the names would tell of them.
        let people = self.gateway.keys().accounts_of(tenant).into_iter();
        let people: BTreeMap<String, Principal> = people
            .map(|account| (label(account.name()), account.name().clone()))
            .collect();
        let memberships = self.memberships(visit);
        let after = visit.form.text("after");
        let mut rest = people.iter().filter(|(label, _)| label.as_str() > after);
        let mut last = "";
        for (label, name) in rest.by_ref().take(MOST_PEOPLE) {
            let link = if shows_names {
                with_query(PATH, &[("of", "people"), ("name", label)])
            } else {
                String::new()
            };
            let groups = memberships.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let standings = self
                .used_by(visit, (name.as_str(), ""), groups, collected)
                .await?;
            for standing in standings.iter().filter(|standing| is_of_principals(standing)) {
                collected.take(standing, (label, &link), currency);
            }
            last = label;
        }
        let next = rest.next().map(|_| more(PATH, &[("of", "people")], last));
        Ok(next)
    }

    async fn used_by_groups(
        &self,
        visit: &Visit,
        collected: &mut Collected,
    ) -> Result<(Option<String>, bool), Problem> {
        let (tenant, currency) = (&visit.caller().tenant, self.gateway.limits.currency());
        let page = Page::behind(visit.form.text("after"));
        let (groups, next) = admin::groups(&self.gateway, tenant, &page).await?;
        // Those that are counted by group, as they are counted.
        for group in &groups {
            let of = [group.name.clone()];
            let link = format!("/console/groups/{}", group.name);
            for standing in self.used_by(visit, ("", ""), &of, collected).await? {
                if is_of_each(&standing, Part::Group) {
                    collected.take(&standing, (&group.name, &link), currency);
                }
            }
        }
        let memberships = self.memberships(visit);
        let members: BTreeSet<&String> = groups.iter().flat_map(|group| &group.members).collect();
        let is_cut = members.len() > MOST_MEMBERS;
        // What all in a group used, by limit and bound, whatever the model.
        let mut sums: Vec<(Standing, Measured, BTreeMap<&str, u64>)> = Vec::new();
        for member in members.into_iter().take(MOST_MEMBERS) {
            let of = memberships.get(member).map_or(&[][..], Vec::as_slice);
            let standings = self.used_by(visit, (member, ""), of, collected).await?;
            for standing in standings.into_iter().filter(is_of_principals) {
                for measured in Measured::all(&standing) {
                    let of_groups = groups.iter().filter(|group| group.members.contains(member));
                    let known = sums.iter_mut().find(|(known, bound, _)| {
                        known.rule.name == standing.rule.name && bound.name == measured.name
                    });
                    let used = measured.used;
                    let sum = match known {
                        Some((_, _, sum)) => sum,
                        None => {
                            sums.push((standing.clone(), measured, BTreeMap::new()));
                            let Some((_, _, sum)) = sums.last_mut() else {
                                continue;
                            };
                            sum
                        }
                    };
                    for group in of_groups {
                        let all = sum.entry(group.name.as_str()).or_default();
                        *all = all.saturating_add(used);
                    }
                }
            }
        }
        for (standing, measured, sum) in &sums {
            let highest = sum.values().copied().max().unwrap_or_default().max(1);
            for (group, used) in sum {
                let said = |number: u64| measured.said(number, currency);
                let row = Row {
                    label: (*group).to_owned(),
                    link: format!("/console/groups/{group}"),
                    gauge: Gauge::new(measured.name, (*used, 0, highest), said),
                    used: *used,
                };
                collected.push(standing, measured.name, row);
            }
        }
        let next = next.map(|after| more(PATH, &[("of", "groups")], &after));
        Ok((next, is_cut))
    }

    async fn used_by_keys(
        &self,
        visit: &Visit,
        collected: &mut Collected,
    ) -> Result<Option<String>, Problem> {
        let (tenant, currency) = (&visit.caller().tenant, self.gateway.limits.currency());
        let filter = admin::KeyFilter {
            name: None,
            state: None,
            unused_since: None,
        };
        let page = Page::behind(visit.form.text("after"));
        let (keys, next) = admin::keys(&self.gateway, tenant, &page, &filter).await?;
        let memberships = self.memberships(visit);
        // A key that took another one's place goes on with its counts.
        let mut seen = BTreeSet::new();
        for key in keys.iter().filter(|key| seen.insert(key.line.clone())) {
            let label = format!("{} ({})", key.line, key.name);
            let link = format!("/console/keys/{}", key.line);
            let groups = memberships.get(&key.name).map_or(&[][..], Vec::as_slice);
            let standings = self
                .used_by(visit, (&key.name, &key.line), groups, collected)
                .await?;
            for standing in standings
                .iter()
                .filter(|standing| is_of_each(standing, Part::Key))
            {
                collected.take(standing, (&label, &link), currency);
            }
        }
        Ok(next.map(|after| more(PATH, &[("of", "keys")], &after)))
    }
}
