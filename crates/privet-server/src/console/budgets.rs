//! What who looks has used of its limits.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::Privilege;
use privet_console::budgets::{BudgetsPage, Gauge, LimitCard};
use privet_console::{amount, day_and_time};
use privet_policy::limits::{Part, Standing};

use super::Desk;
use super::answer::{Answer, Stop, answer};

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::ListModels).await?;
        let limits = &desk.gateway.limits;
        let standings = limits.standings(visit.caller(), visit.now).await;
        let (standings, is_shared) =
            standings.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        let currency = limits.currency();
        Answer::page(&BudgetsPage {
            frame: desk.frame(&visit, "Budgets"),
            is_shared,
            limits: standings
                .iter()
                .map(|standing| card(standing, currency))
                .collect(),
        })
    })
    .await
}

/// One bound of a limit, and what was used of it.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) used: u64,
    reserved: u64,
    most: u64,
    is_money: bool,
}

impl Measured {
    /// The bounds of `standing`'s rule.
    pub(super) fn all(standing: &Standing) -> Vec<Self> {
        let Standing { rule, .. } = standing;
        let (settled, reserved) = (standing.settled, standing.reserved);
        let measured = |name, used, reserved, most| Self {
            name,
            used,
            reserved,
            most,
            is_money: false,
        };
        let requests = rule
            .requests
            .map(|most| measured("requests", settled.requests, reserved.requests, most));
        let tokens = rule
            .tokens
            .map(|most| measured("tokens", settled.tokens, reserved.tokens, most));
        let cost = rule.cost.map(|most| Self {
            is_money: true,
            ..measured(
                "cost",
                settled.nanos,
                reserved.nanos,
                most.millionths().saturating_mul(1000),
            )
        });
        let at_once = rule
            .concurrent
            .map(|most| measured("at once", standing.running.into(), 0, most.into()));
        [requests, tokens, cost, at_once].into_iter().flatten().collect()
    }

    pub(super) fn gauge(&self, currency: &str) -> Gauge {
        let numbers = (self.used, self.reserved, self.most);
        Gauge::new(self.name, numbers, |number| self.said(number, currency))
    }

    /// `number` as it is read.
    pub(super) fn said(&self, number: u64, currency: &str) -> String {
        if self.is_money {
            format!("{} {currency}", money(number))
        } else {
            amount(number)
        }
    }
}

/// Who shares a limit, where it counts and for which models.
pub(super) fn of(standing: &Standing) -> String {
    let rule = &standing.rule;
    let each: Vec<&str> = rule.each.iter().copied().map(Part::name).collect();
    let mut of = if each.is_empty() {
        "shared by all that it is for".to_owned()
    } else {
        format!("for each {}", each.join(" and "))
    };
    of = match (&standing.group, rule.groups.is_empty()) {
        (Some(group), _) => format!("{of}; group {group}"),
        (None, false) => {
            let groups: Vec<&str> = rule.groups.iter().map(String::as_str).collect();
            format!("{of}; groups {}", groups.join(", "))
        }
        (None, true) => of,
    };
    of = match (&standing.model, rule.models.is_empty()) {
        (Some(model), _) => format!("{of}; {model}"),
        (None, false) => format!("{of}; models {}", rule.models.join(", ")),
        (None, true) => of,
    };
    if rule.surfaces.is_empty() {
        of
    } else {
        let surfaces: Vec<&str> = rule.surfaces.iter().map(|surface| surface.name()).collect();
        format!("{of}; at {}", surfaces.join(", "))
    }
}

/// The time in which a limit counts; empty if it is no matter of time.
pub(super) fn window(standing: &Standing) -> String {
    match (standing.rule.window, standing.window_end) {
        (Some(window), Some(end)) => format!("a {}, until {}, UTC", window.name(), day_and_time(end)),
        (Some(window), None) => format!("a {}", window.name()),
        (None, _) => String::new(),
    }
}

pub(super) fn card(standing: &Standing, currency: &str) -> LimitCard {
    let measured = Measured::all(standing);
    LimitCard {
        name: standing.rule.name.clone(),
        of: of(standing),
        window: window(standing),
        gauges: measured.iter().map(|one| one.gauge(currency)).collect(),
    }
}

/// Thousand-millionths of a currency's unit, with two digits behind the point, or more where there is less than that.
fn money(nanos: u64) -> String {
    let (units, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if units == 0 && rest > 0 && rest < 10_000_000 {
        format!("0.{:06}", rest / 1000)
    } else {
        format!("{}.{:02}", amount(units), rest / 10_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sums_are_not_said_to_be_nothing() {
        let said = [0, 1_500_000, 12_340_000_000, 1_234_567_000_000_000].map(money);
        assert_eq!(said, ["0.00", "0.001500", "12.34", "1\u{202f}234\u{202f}567.00"]);
    }
}
