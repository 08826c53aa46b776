//! Providers that refuse, break the rules of HTTP/2, or flood: the request suffers, and nobody else.

use privet_testkit::TestGateway;

use super::frames::{
    Asked, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, PUSH_PROMISE, REFUSED_STREAM,
    SETTINGS, STATUS_200, field, frame, goaway, reset,
};
use super::provider::completion;
use super::{MODELS, ask, in_front_of};
use crate::support::{CHAT, EMAIL, assert_refused, chat_stream, said};

#[tokio::test]
async fn a_request_that_was_not_looked_at_is_sent_again_on_another_connection() {
    for refuse in [
        |asked: &Asked| goaway(asked.id - 1),
        |asked: &Asked| reset(asked.id, REFUSED_STREAM),
    ] {
        let frames = Frames::start(&[], move |asked| match asked.connection {
            1 => asked.say(refuse(&asked)),
            _ => asked.reply(&completion("fine")),
        })
        .await;
        let gateway = in_front_of(&frames.entry("")).await;
        assert_eq!(said(&ask(&gateway, EMAIL).await), "fine");
        assert_eq!((frames.connections(), frames.count(HEADERS)), (2, 2));
    }
}

#[tokio::test]
async fn who_refuses_everything_is_asked_no_more_often_than_the_budget_allows() {
    for (budget, requests) in [(20, 3), (0, 1)] {
        let frames = Frames::start(&[], |asked| asked.say(reset(asked.id, REFUSED_STREAM))).await;
        let builder = TestGateway::builder().providers(&frames.entry("")).models(MODELS);
        let routing = format!("retry_budget = {budget}");
        let gateway = builder.routing(&routing).start().await;
        assert_refused(&ask(&gateway, EMAIL).await, CHAT, 502, "upstream_unreachable");
        assert_eq!(frames.count(HEADERS), requests);
    }
}

#[tokio::test]
async fn another_provider_stands_in_for_one_that_refuses() {
    let frames = Frames::start(&[], |asked| asked.say(reset(asked.id, REFUSED_STREAM))).await;
    let models = "[[models]]\nmatch = \"fast\"\nprovider = \"fast\"\nfallback = [{ provider = \"openai\", upstream_model = \"demo-echo\" }]\n";
    let builder = TestGateway::builder().providers(&frames.entry("")).models(models);
    let gateway = builder.start().await;
    let reply = ask(&gateway, EMAIL).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains(EMAIL));
}

#[tokio::test]
async fn a_request_that_may_have_been_looked_at_is_not_sent_again() {
    type End = fn(Asked);
    let ends: [(&str, End); 3] = [
        (
            "a reset for another reason",
            (|asked| asked.say(reset(asked.id, 2))) as fn(Asked),
        ),
        ("a cancellation", |asked| asked.say(reset(asked.id, 8))),
        // The connection ends while the stream is one of those that it said it had looked at.
        ("gone in spite of it", |asked| {
            asked.say(
                [
                    goaway(asked.id),
                    frame(0xfe, 0, 0, b"unknown"),
                    b"\0\0\x08\x06\0\0\0\0\x01".to_vec(),
                    vec![0; 8],
                ]
                .concat(),
            );
        }),
    ];
    for (what, end) in ends {
        let frames = Frames::start(&[], end).await;
        let gateway = in_front_of(&frames.entry("")).await;
        assert_refused(&ask(&gateway, EMAIL).await, CHAT, 502, "upstream_unreachable");
        assert_eq!(frames.count(HEADERS), 1, "{what}");
    }
}

/// What a provider does in the place of an answer.
type Wrong = fn(&Asked) -> Vec<u8>;

const WRONGS: [(&str, Wrong); 18] = [
    ("HTTP/1.1", |_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()
    }),
    ("a frame that is too long", |asked| {
        [&[0xff, 0xff, 0xff, DATA, 0][..], &asked.id.to_be_bytes()].concat()
    }),
    ("a body before its head", |asked| asked.body("{}")),
    ("no status", |asked| {
        frame(HEADERS, END_HEADERS | END_STREAM, asked.id, &field("a", "b"))
    }),
    ("two statuses", |asked| {
        frame(
            HEADERS,
            END_HEADERS | END_STREAM,
            asked.id,
            &[STATUS_200, STATUS_200],
        )
    }),
    ("capital letters", |asked| {
        let fields = [vec![STATUS_200], field("Content-Type", "a")].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, asked.id, &fields)
    }),
    ("a header of a connection", |asked| {
        asked.head(&[("connection", "close")])
    }),
    ("a head that cannot be read", |asked| {
        frame(HEADERS, END_HEADERS, asked.id, &[0xff, 0xff, 0xff, 0xff, 0xff])
    }),
    ("a head without its end, and something else", |asked| {
        [
            frame(HEADERS, 0, asked.id, &[STATUS_200]),
            frame(PING, 0, 0, &[0; 8]),
        ]
        .concat()
    }),
    ("a huge head", |asked| {
        let mut fields = vec![STATUS_200];
        for number in 0..2_000 {
            fields.extend(field(&format!("x-{number}"), &"a".repeat(100)));
        }
        let mut pieces = fields.chunks(16_000);
        let mut out = frame(HEADERS, 0, asked.id, pieces.next().unwrap());
        for piece in pieces {
            out.extend(frame(CONTINUATION, 0, asked.id, piece));
        }
        out.extend(frame(CONTINUATION, END_HEADERS, asked.id, &[]));
        out
    }),
    ("an endless head", |asked| {
        let mut out = frame(HEADERS, 0, asked.id, &[STATUS_200]);
        out.extend(frame(CONTINUATION, 0, asked.id, &[]).repeat(100_000));
        out
    }),
    ("a promise", |asked| {
        frame(PUSH_PROMISE, END_HEADERS, asked.id, &[0, 0, 0, 2, STATUS_200])
    }),
    ("settings that cannot be", |_| {
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])
    }),
    ("settings of half a pair", |_| {
        frame(SETTINGS, 0, 0, &[0, 4, 0xff])
    }),
    ("less than was said", |asked| {
        [asked.head(&[("content-length", "9")]), asked.body("{}")].concat()
    }),
    ("more than was said", |asked| {
        [asked.head(&[("content-length", "1")]), asked.body("{}")].concat()
    }),
    ("two lengths", |asked| {
        [
            asked.head(&[("content-length", "2"), ("content-length", "3")]),
            asked.body("{}"),
        ]
        .concat()
    }),
    ("pieces of nothing", |asked| {
        [asked.head(&[]), frame(DATA, 0, asked.id, &[]).repeat(200_000)].concat()
    }),
];

#[tokio::test]
async fn what_breaks_the_rules_ends_the_request_and_harms_nobody() {
    for (what, wrong) in WRONGS {
        let frames = Frames::start(&[], move |asked| match asked.connection {
            1 => asked.say(wrong(&asked)),
            _ => asked.reply(&completion("fine")),
        })
        .await;
        let entry = frames.entry("first_byte_timeout = \"20s\"");
        let gateway = in_front_of(&entry).await;
        let reply = ask(&gateway, EMAIL).await;
        assert_eq!(reply.status, 502, "{what}: {}", reply.text());
        assert_eq!(frames.count(HEADERS), 1, "{what} is not asked for twice");
    }
}

#[tokio::test]
async fn a_flood_of_frames_does_not_keep_others_from_their_answers() {
    for flood in [
        |_: &Asked| frame(PING, 0, 0, &[7; 8]).repeat(200_000),
        |_: &Asked| frame(SETTINGS, 0, 0, &[]).repeat(100_000),
        |asked: &Asked| frame(HEADERS, END_HEADERS, asked.id, &[0x08, 3, b'1', b'0', b'3']).repeat(50_000),
        |_: &Asked| frame(8, 0, 0, &[0, 0, 0, 1]).repeat(100_000),
    ] {
        let frames = Frames::start(&[], move |asked| {
            asked.say(flood(&asked));
            asked.reply(&completion("fine"));
        })
        .await;
        let gateway = in_front_of(&frames.entry("")).await;
        let other = gateway.post(CHAT, chat_stream("demo-echo", EMAIL)).send();
        let (flooded, other) = tokio::join!(ask(&gateway, EMAIL), other);
        assert!(other.is_whole && other.openai_said(0).contains(EMAIL));
        // It may be taken for an attack, or be answered when the flood has passed.
        assert!(matches!(flooded.status, 200 | 502), "{}", flooded.text());
    }
}
