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

fn card(standing: &Standing, currency: &str) -> LimitCard {
    let Standing { rule, .. } = standing;
    let each: Vec<&str> = rule.each.iter().copied().map(Part::name).collect();
    let mut of = if each.is_empty() {
        "shared by all that it is for".to_owned()
    } else {
        format!("for each {}", each.join(" and "))
    };
    if let Some(model) = &standing.model {
        of = format!("{of}; {model}");
    } else if !rule.models.is_empty() {
        of = format!("{of}; models {}", rule.models.join(", "));
    }
    let window = match (rule.window, standing.window_end) {
        (Some(window), Some(end)) => format!("a {}, until {}, UTC", window.name(), day_and_time(end)),
        (Some(window), None) => format!("a {}", window.name()),
        (None, _) => String::new(),
    };
    let (settled, reserved) = (standing.settled, standing.reserved);
    let mut gauges = Vec::new();
    if let Some(most) = rule.requests {
        gauges.push(Gauge::new(
            "requests",
            (settled.requests, reserved.requests, most),
            amount,
        ));
    }
    if let Some(most) = rule.tokens {
        gauges.push(Gauge::new(
            "tokens",
            (settled.tokens, reserved.tokens, most),
            amount,
        ));
    }
    if let Some(most) = rule.cost {
        let most = most.millionths().saturating_mul(1000);
        let said = |nanos: u64| format!("{} {currency}", money(nanos));
        gauges.push(Gauge::new("cost", (settled.nanos, reserved.nanos, most), said));
    }
    if let Some(most) = rule.concurrent {
        let running = u64::from(standing.running);
        gauges.push(Gauge::new("at once", (running, 0, most.into()), amount));
    }
    LimitCard {
        name: rule.name.clone(),
        of,
        window,
        gauges,
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
