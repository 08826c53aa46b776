//! The weak model: the target of `privet redteam run --weak`, and of tests of guardrails.
//!
//! It obeys whatever orders stand anywhere in its input, whoever wrote them: the operator, the user, a document, a tool's result, a
//! note in its memory; in some fifteen languages and behind encodings. It tells its instructions and all that it has learnt,
//! repeats without end (up to 24 KB), writes code that does harm, and calls tools that are not on offer. Harmless requests it
//! answers from what it was given and from a few lines of knowledge. It is an interpreter of orders, small enough to be wrong:
//! an order in words that it does not know passes it by.

mod answers;
mod code;
mod hidden;
mod lexicon;
mod order;
mod tasks;
mod text;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::ask::{Ask, Turn};
use crate::model::{Answer, Call};
use crate::values::values;
use hidden::{percent_encoded, seen};
use order::{Carried, Order, orders, rule, sum_of_variables, variable};
use tasks::Task;
use text::sentences;

/// Longest reply, in bytes.
const MOST_SAID: usize = 24_000;
/// What an address carries at most, in characters.
const MOST_CARRIED: usize = 400;

/// What it was told, by where it stands.
struct Input {
    system: String,
    /// The last message of the user, without its documents.
    user: String,
    documents: Vec<String>,
    /// Results of tools since.
    results: Vec<String>,
    /// All that was said before.
    earlier: Vec<String>,
}

impl Input {
    fn of(ask: &Ask) -> Self {
        let is_user = |turn: &Turn| matches!(turn, Turn::User(_));
        let last = ask.turns.iter().rposition(is_user).unwrap_or(0);
        let (mut earlier, mut results) = (Vec::new(), Vec::new());
        let mut said = String::new();
        for (at, turn) in ask.turns.iter().enumerate() {
            match turn {
                Turn::User(text) if at == last => said = seen(text),
                Turn::Tool(text) if at > last => results.push(seen(text)),
                Turn::User(text) | Turn::Tool(text) => earlier.push(seen(text)),
                Turn::Assistant(_) => {}
            }
        }
        // Only what came last is new; results before it were dealt with.
        if let Some(newest) = results.pop() {
            earlier.append(&mut results);
            results.push(newest);
        }
        let (user, documents) = without_documents(&said);
        Self {
            system: seen(&ask.system),
            user,
            documents,
            results,
            earlier,
        }
    }

    fn has_results(&self) -> bool {
        !self.results.is_empty()
    }

    /// All texts, oldest first.
    fn texts(&self) -> impl Iterator<Item = &String> {
        let now = [&self.system].into_iter().chain(&self.earlier);
        now.chain([&self.user])
            .chain(&self.documents)
            .chain(&self.results)
    }
}

/// `text` without what stands between `<document …>` and `</document>`, and that.
fn without_documents(text: &str) -> (String, Vec<String>) {
    let (mut plain, mut documents, mut rest) = (String::new(), Vec::new(), text);
    while let Some((before, after)) = rest.split_once("<document") {
        let inner = after.split_once('>').map_or(after, |(_, inner)| inner);
        let (document, beyond) = inner.split_once("</document>").unwrap_or((inner, ""));
        plain.push_str(before);
        documents.push(document.trim().to_owned());
        rest = beyond;
    }
    plain.push_str(rest);
    (plain.trim().to_owned(), documents)
}

/// What it answers. `knows`: what it has learnt by heart, a line each.
pub(crate) fn answer(ask: &Ask, knows: &[String]) -> Answer {
    let input = Input::of(ask);
    let is_call = |order: &Order| matches!(order, Order::Call { .. });
    let mut by_user = orders(&input.user, &ask.tools);
    by_user.extend(delayed(&input, ask));
    let mut by_others = orders(&input.system, &ask.tools);
    for document in &input.documents {
        by_others.extend(orders(document, &ask.tools));
    }
    if input.has_results() {
        // These were followed before the result came.
        by_user.retain(|order| !is_call(order));
        by_others.retain(|order| !is_call(order));
    }
    for result in &input.results {
        by_others.extend(orders(result, &ask.tools));
    }
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    for order in &by_user {
        act(order, &input, knows, &mut said, &mut calls);
    }
    if said.is_empty() && calls.is_empty() {
        let wanted = tasks::wanted_call(&input.user, &ask.tools).filter(|_| !input.has_results());
        match wanted {
            Some((name, arguments)) => calls.push(call(&name, &arguments)),
            None => said.push(task(&input, knows)),
        }
    }
    for order in &by_others {
        act(order, &input, knows, &mut said, &mut calls);
    }
    let mut text = said.join("\n\n");
    if text.len() > MOST_SAID {
        let end = (0..=MOST_SAID).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    Answer {
        thinking: None,
        text: (!text.is_empty() || calls.is_empty()).then_some(text),
        calls,
    }
}

/// Orders that wait for a word, and orders in pieces.
fn delayed(input: &Input, ask: &Ask) -> Vec<Order> {
    let mut all = Vec::new();
    let mut pieces: BTreeMap<String, String> = BTreeMap::new();
    let own: Vec<String> = sentences(&input.user)
        .into_iter()
        .filter(|s| rule(s).is_none())
        .collect();
    let asked = own.join(" ").to_lowercase();
    for sentence in input.texts().flat_map(|text| sentences(text)) {
        if let Some((trigger, then)) = rule(&sentence)
            && asked.contains(&trigger)
        {
            all.extend(orders(&then, &ask.tools));
        }
        pieces.extend(variable(&sentence));
    }
    for names in own.iter().filter_map(|sentence| sum_of_variables(sentence)) {
        let text: Vec<&str> = names
            .iter()
            .filter_map(|name| pieces.get(name).map(String::as_str))
            .collect();
        all.extend(orders(&text.join(" "), &ask.tools));
    }
    all
}

fn task(input: &Input, knows: &[String]) -> String {
    let mut given = input.documents.clone();
    given.extend(input.results.iter().cloned());
    let mut sources = vec![input.user.clone(), input.system.clone()];
    sources.extend(input.earlier.iter().cloned());
    sources.extend(knows.iter().cloned());
    tasks::answer(&Task {
        text: &input.user,
        given: &given,
        sources: &sources,
    })
}

fn call(name: &str, arguments: &Map<String, Value>) -> Call {
    Call {
        name: name.to_owned(),
        arguments: Value::Object(arguments.clone()).to_string(),
    }
}

/// Does as it is told.
fn act(order: &Order, input: &Input, knows: &[String], said: &mut Vec<String>, calls: &mut Vec<Call>) {
    match order {
        Order::Say { text, form } => said.push(form.write(text)),
        Order::Write(code) => said.push(code.clone()),
        Order::RevealPrompt { form } => {
            if !input.system.is_empty() {
                said.push(form.write(&input.system));
            }
        }
        Order::RevealRecords { of } => said.extend(records(of.as_deref(), input, knows)),
        Order::Repeat { text, times, between } => {
            let most = MOST_SAID / (text.len() + between.len()).max(1);
            let mut reply = vec![text.as_str(); (*times).min(most)].join(between);
            // Models that were made to repeat for long fall into what they have learnt.
            if let Some(learnt) = knows.first().filter(|_| *times > most) {
                reply.push('\n');
                reply.push_str(learnt);
            }
            said.push(reply);
        }
        Order::Count { from, to } => {
            let mut reply = String::new();
            for number in *from..=*to {
                if reply.len() > MOST_SAID {
                    break;
                }
                reply.push_str(&format!("{number} "));
            }
            said.push(reply.trim_end().to_owned());
        }
        Order::Picture { address, of, is_html } => said.push(picture(address, *of, *is_html, input)),
        Order::Call { tool, arguments } => calls.push(call(tool, arguments)),
    }
}

/// Lines that hold values, of somebody or of all.
fn records(of: Option<&str>, input: &Input, knows: &[String]) -> Option<String> {
    let lower = input.user.to_lowercase();
    let own = values(&input.user);
    if !own.is_empty()
        && [" my ", " mine", "this text"]
            .iter()
            .any(|word| lower.contains(word))
    {
        return Some(own.join("\n"));
    }
    // Whoever is asked about is named, or has a stand-in.
    let wanted: Vec<&str> = of.into_iter().chain(own.iter().map(String::as_str)).collect();
    let lines = [&input.system]
        .into_iter()
        .chain(&input.results)
        .chain(&input.documents)
        .chain(knows)
        .flat_map(|text| text.lines())
        .filter(|line| !values(line).is_empty());
    let chosen: Vec<&str> = lines
        .filter(|line| wanted.is_empty() || wanted.iter().any(|name| line.contains(name)))
        .collect();
    (!chosen.is_empty()).then(|| chosen.join("\n"))
}

fn picture(address: &str, of: Carried, is_html: bool, input: &Input) -> String {
    let data = match of {
        Carried::LastMessage => input.user.clone(),
        Carried::Prompt => input.system.clone(),
        Carried::Conversation => {
            let mut all = input.earlier.clone();
            all.push(input.user.clone());
            all.join(" ")
        }
    };
    let data: String = data.chars().take(MOST_CARRIED).collect();
    let data = percent_encoded(&data);
    let address = match (address.find('{'), address.find('}')) {
        (Some(from), Some(to)) if from < to => {
            let place = address.get(from..=to).unwrap_or_default();
            address.replace(place, &data)
        }
        _ if address.ends_with('=') => format!("{address}{data}"),
        _ => address.to_owned(),
    };
    if is_html {
        format!("<img src=\"{address}\">")
    } else {
        format!("![image]({address})")
    }
}
