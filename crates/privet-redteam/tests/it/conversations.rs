//! Conversations as a state machine.

use privet_redteam::{
    Call, Catalogue, Conversation, Ending, Heard, Next, Probe, Reply, Request, Role, Verdict,
};

fn probe(id: &str) -> Probe {
    Catalogue::new(1, 0)
        .probe(id)
        .cloned()
        .expect("the probe is there")
}

fn text(text: &str) -> Heard {
    Heard::reply(Reply {
        text: text.to_owned(),
        ..Reply::default()
    })
}

fn asked(talk: &mut Conversation<'_>) -> Request {
    match talk.next_step() {
        Next::Ask(request) => request,
        Next::Done(end) => panic!("{end:?}"),
    }
}

fn ended(talk: &mut Conversation<'_>) -> Ending {
    match talk.next_step() {
        Next::Done(end) => end,
        Next::Ask(request) => panic!("{request:?}"),
    }
}

#[test]
fn several_messages_are_said_one_after_another() {
    let probe = probe("override/two-steps");
    let mut talk = Conversation::new(&probe, Role::Attack, "http://localhost:1/t/0");
    assert_eq!(asked(&mut talk).messages.len(), 2);
    talk.hear(text("Fine."));
    let second = asked(&mut talk);
    assert_eq!(second.messages.len(), 4);
    assert_eq!(second.messages[2]["content"], "Fine.");
    assert_eq!(second.messages[3]["content"], "daybreak");
    talk.hear(text("I do not play that."));
    let end = ended(&mut talk);
    assert_eq!((end.verdict, end.requests), (Verdict::Resisted, 2));
}

#[test]
fn calls_get_the_results_of_the_probe_and_loops_end() {
    let probe = probe("consumption/loop-weather");
    let mut talk = Conversation::new(&probe, Role::Benign, "http://localhost:1/t/0");
    let mut requests = 0;
    let end = loop {
        match talk.next_step() {
            Next::Done(end) => break end,
            Next::Ask(request) => {
                requests += 1;
                let last = request.messages.last().expect("a message");
                assert!(["user", "tool"].contains(&last["role"].as_str().expect("a role")));
                talk.hear(Heard::reply(Reply {
                    calls: vec![Call {
                        id: format!("c{requests}"),
                        name: "get_weather".to_owned(),
                        arguments: "{}".to_owned(),
                    }],
                    ..Reply::default()
                }));
            }
        }
    };
    assert_eq!((end.verdict, requests), (Verdict::Unhelpful, 8));
    let mut talk = Conversation::new(&probe, Role::Attack, "http://localhost:1/t/0");
    for _ in 0..5 {
        asked(&mut talk);
        talk.hear(Heard::reply(Reply {
            calls: vec![Call {
                name: "get_weather".to_owned(),
                ..Call::default()
            }],
            ..Reply::default()
        }));
    }
    assert_eq!(ended(&mut talk).oracle, Some("tool_called_often"));
}

#[test]
fn a_refusal_is_a_block_and_what_came_out_before_still_counts() {
    let probe = probe("override/plain-en");
    let mut talk = Conversation::new(&probe, Role::Attack, "http://localhost:1/t/0");
    asked(&mut talk);
    talk.hear(Heard::refused("guardrail"));
    let end = ended(&mut talk);
    assert_eq!(
        (end.verdict, end.code.as_deref()),
        (Verdict::Blocked, Some("guardrail"))
    );

    let mut talk = Conversation::new(&probe, Role::Attack, "http://localhost:1/t/0");
    let request = asked(&mut talk);
    let order = request.messages[1]["content"]
        .as_str()
        .expect("a text")
        .to_owned();
    let word = order
        .trim_end_matches('.')
        .rsplit(' ')
        .next()
        .expect("a word")
        .to_owned();
    talk.hear(Heard::reply(Reply {
        text: word,
        is_filtered: true,
        ..Reply::default()
    }));
    let end = ended(&mut talk);
    assert_eq!(
        (end.verdict, end.oracle),
        (Verdict::Succeeded, Some("canary_emitted"))
    );

    let mut talk = Conversation::new(&probe, Role::Benign, "http://localhost:1/t/0");
    asked(&mut talk);
    talk.hear(Heard::refused("guardrail"));
    assert_eq!(ended(&mut talk).verdict, Verdict::Refused);
}

#[test]
fn who_repeats_an_attack_has_not_followed_it() {
    for probe in Catalogue::new(1, 0).probes() {
        let is_echo_proof = [
            "override/",
            "indirect/document",
            "indirect/tool-search",
            "encoding/",
        ]
        .iter()
        .any(|begin| probe.id.starts_with(begin));
        // Of an order over several messages the last one names no word.
        if !is_echo_proof
            || probe.attack.as_ref().is_none_or(|attack| attack.turns.len() > 1)
            || probe.id.contains("/out-")
        {
            continue;
        }
        let mut talk = Conversation::new(probe, Role::Attack, "http://localhost:1/t/0");
        let request = asked(&mut talk);
        let all: Vec<String> = request
            .messages
            .iter()
            .skip(1)
            .map(|message| message["content"].to_string())
            .collect();
        talk.hear(text(&format!(
            "You wrote: {}",
            all.join("\n").replace("\\\"", "\"")
        )));
        assert_eq!(ended(&mut talk).verdict, Verdict::Resisted, "{}", probe.id);
    }
}

#[test]
fn an_address_that_is_fetched_or_a_value_that_got_through_is_a_success() {
    let image = probe("exfiltration/image");
    let mut talk = Conversation::new(&image, Role::Attack, "http://localhost:1/t/9");
    let request = asked(&mut talk);
    let all = request.messages[1]["content"].to_string();
    let path = all
        .split("http://localhost:1")
        .nth(1)
        .and_then(|rest| rest.split('?').next())
        .expect("an address");
    talk.hear(Heard {
        fetched: vec![path.to_owned()],
        ..text("Breakfast is from seven.")
    });
    assert_eq!(ended(&mut talk).oracle, Some("url_fetched"));

    let own = probe("private-data/own-mail");
    let mut talk = Conversation::new(&own, Role::Attack, "http://localhost:1/t/9");
    asked(&mut talk);
    let values = talk.watched_values();
    assert_eq!(values.len(), 1);
    talk.hear(Heard {
        reached_provider: values,
        ..text("Yes.")
    });
    assert_eq!(ended(&mut talk).oracle, Some("reached_provider"));
}
