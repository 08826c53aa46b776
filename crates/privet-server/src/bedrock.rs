//! Anthropic's models on AWS Bedrock: bodies as `InvokeModel` wants them, and its framing of streams.
//!
//! Framing as in "Event stream encoding" of the Smithy specification, `application/vnd.amazon.eventstream`.

use data_encoding::BASE64;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use privet_surface::json::{Document, Kind};
use privet_types::Budget;
use serde_json::{Value, json};

use crate::connection::ReplyBody;

/// The version that Bedrock knows of Anthropic's API.
const VERSION: &str = "bedrock-2023-05-31";
/// Fields that have another place in Bedrock's addresses, or are Privet's to set.
const OWN: [&str; 4] = ["model", "stream", "anthropic_version", "anthropic_beta"];
/// Length of message, length of headers, checksum of both.
const PRELUDE: usize = 12;
/// The checksum of a message, behind it.
const CHECKSUM: usize = 4;
/// Largest message; larger events than this end a stream in any dialect.
const MOST_BYTES: usize = 12 << 20;

/// Longest reply that holds a count.
const MOST_OF_COUNT: usize = 64 << 10;

/// What AWS calls its framing of streams.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// A body for Bedrock.
pub(crate) struct Invocation {
    pub(crate) body: Vec<u8>,
    pub(crate) is_stream: bool,
}

/// What an Anthropic client asks, as Bedrock wants it asked: `betas` from the header of that name. The values of all other fields
/// stay byte for byte. `None` if the body is no object.
pub(crate) fn invocation(body: &[u8], betas: &[String]) -> Option<Invocation> {
    let document = Document::parse(body, &Budget::unlimited()).ok()?;
    let root = document.root();
    if root.kind() != Kind::Object {
        return None;
    }
    let is_stream = root.get("stream").is_some_and(|stream| stream.raw() == "true");
    let mut out = format!("{{\"anthropic_version\":\"{VERSION}\"");
    if !betas.is_empty() {
        out.push_str(",\"anthropic_beta\":");
        out.push_str(&json!(betas).to_string());
    }
    for (key, value) in root.entries() {
        if key.as_str().is_some_and(|name| OWN.contains(&name.as_ref())) {
            continue;
        }
        out.push(',');
        out.push_str(key.raw());
        out.push(':');
        out.push_str(value.raw());
    }
    out.push('}');
    Some(Invocation {
        body: out.into_bytes(),
        is_stream,
    })
}

/// What an Anthropic client asks to have counted, as Bedrock's `CountTokens` wants it asked: the body of an invocation in base64. That
/// needs a bound for the reply, which a count has not: the least that it may be. `None` if the body is no object.
pub(crate) fn count(body: &[u8], betas: &[String]) -> Option<Vec<u8>> {
    let made = invocation(body, betas)?.body;
    let document = Document::parse(body, &Budget::unlimited()).ok()?;
    let root = document.root();
    let made = if root.get("max_tokens").is_some() {
        made
    } else {
        let thinking = root
            .get("thinking")
            .and_then(|thinking| thinking.get("budget_tokens"))
            .and_then(|budget| budget.raw().parse::<u32>().ok());
        let least = u64::from(thinking.unwrap_or_default()) + 1;
        let rest = made.get(1..)?;
        [format!("{{\"max_tokens\":{least},").as_bytes(), rest].concat()
    };
    let asked = json!({ "input": { "invokeModel": { "body": BASE64.encode(&made) } } });
    Some(asked.to_string().into_bytes())
}

/// Takes Anthropic's headers out, which Bedrock does not know, and gives back the features that they ask for.
pub(crate) fn betas(headers: &mut HeaderMap) -> Vec<String> {
    let asked = headers.get_all("anthropic-beta").iter();
    let betas = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|beta| beta.trim().to_owned())
        .filter(|beta| !beta.is_empty())
        .collect();
    headers.remove("anthropic-beta");
    headers.remove("anthropic-version");
    betas
}

/// A reply as Anthropic would send it.
pub(crate) fn answer(mut reply: Response<ReplyBody>) -> Response<ReplyBody> {
    let kind = reply.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes())) {
        return reply;
    }
    let kind = HeaderValue::from_static("text/event-stream");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply.headers_mut().remove(CONTENT_LENGTH);
    reply.map(ReplyBody::into_events)
}

/// A count as Anthropic would send it; what is no count, such as an error, as it came.
pub(crate) fn counted(mut reply: Response<ReplyBody>) -> Response<ReplyBody> {
    if !reply.status().is_success() {
        return reply;
    }
    reply.headers_mut().remove(CONTENT_LENGTH);
    reply.map(ReplyBody::into_count)
}

/// A reply that should hold a count of tokens, and holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's count of tokens is none")]
pub(crate) struct BadCount;

/// Turns AWS's count of tokens into Anthropic's.
#[derive(Default)]
pub(crate) struct CountReply {
    held: Vec<u8>,
}

impl CountReply {
    /// Takes bytes as they come.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), BadCount> {
        if self.held.len() + bytes.len() > MOST_OF_COUNT {
            return Err(BadCount);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    /// The whole reply.
    pub(crate) fn end(&self) -> Result<Vec<u8>, BadCount> {
        let reply: Value = serde_json::from_slice(&self.held).map_err(|_| BadCount)?;
        let tokens = reply.get("inputTokens").and_then(Value::as_u64).ok_or(BadCount)?;
        Ok(json!({ "input_tokens": tokens }).to_string().into_bytes())
    }
}

/// A stream that is not framed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's stream is not framed as AWS frames streams")]
pub(crate) struct BadFraming;

/// Turns AWS's event stream into server-sent events as Anthropic writes them.
#[derive(Default)]
pub(crate) struct EventStream {
    waiting: Vec<u8>,
}

impl EventStream {
    /// Takes bytes as they come; the events that they complete go to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BadFraming> {
        self.waiting.extend_from_slice(bytes);
        let mut rest = self.waiting.as_slice();
        while let Some(prelude) = rest.get(..PRELUDE) {
            let length = usize::try_from(number(prelude, 0)?).map_err(|_| BadFraming)?;
            if checksum(prelude.get(..PRELUDE - CHECKSUM).ok_or(BadFraming)?) != number(prelude, 8)?
                || !(PRELUDE + CHECKSUM..=MOST_BYTES).contains(&length)
            {
                return Err(BadFraming);
            }
            let Some((message, behind)) = rest.split_at_checked(length) else {
                break;
            };
            event(message, out)?;
            rest = behind;
        }
        let used = self.waiting.len() - rest.len();
        self.waiting.drain(..used);
        Ok(())
    }

    /// Whether the stream may end here.
    pub(crate) fn is_at_end(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The big-endian number at `at`.
fn number(bytes: &[u8], at: usize) -> Result<u32, BadFraming> {
    let bytes = bytes
        .get(at..at + 4)
        .and_then(|four| <[u8; 4]>::try_from(four).ok());
    bytes.map(u32::from_be_bytes).ok_or(BadFraming)
}

/// CRC-32 (ISO 3309), as the framing uses it.
fn checksum(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    });
    !sum
}

/// Writes what one whole message says. INVARIANT: its prelude was checked.
fn event(message: &[u8], out: &mut Vec<u8>) -> Result<(), BadFraming> {
    let (content, sum) = message
        .split_at_checked(message.len().saturating_sub(CHECKSUM))
        .ok_or(BadFraming)?;
    if checksum(content) != number(sum, 0)? {
        return Err(BadFraming);
    }
    let headers = usize::try_from(number(message, 4)?).map_err(|_| BadFraming)?;
    let (headers, payload) = content
        .get(PRELUDE..)
        .and_then(|content| content.split_at_checked(headers))
        .ok_or(BadFraming)?;
    let header = |name: &str| find(headers, name);
    let payload: Value = serde_json::from_slice(payload).map_err(|_| BadFraming)?;
    match header(":message-type")?.as_deref() {
        Some("event") => {
            // Others, that a later version may send, are not Anthropic's.
            let Some(encoded) = payload.get("bytes").and_then(Value::as_str) else {
                return Ok(());
            };
            let event = BASE64.decode(encoded.as_bytes()).map_err(|_| BadFraming)?;
            let event: &str = std::str::from_utf8(&event).map_err(|_| BadFraming)?;
            let parsed: Value = serde_json::from_str(event).map_err(|_| BadFraming)?;
            let name = parsed.get("type").and_then(Value::as_str).ok_or(BadFraming)?;
            // Between the values of JSON a line end is a blank.
            write(name, &event.replace(['\r', '\n'], " "), out)
        }
        _ => {
            let kind = match header(":exception-type")?.as_deref() {
                Some("throttlingException") => "rate_limit_error",
                Some("validationException") => "invalid_request_error",
                Some("serviceUnavailableException") => "overloaded_error",
                _ => "api_error",
            };
            let message = payload.get("message").and_then(Value::as_str);
            let message = message.unwrap_or("the provider broke off");
            let error = json!({ "type": "error", "error": { "type": kind, "message": message } });
            write("error", &error.to_string(), out)
        }
    }
}

fn write(name: &str, data: &str, out: &mut Vec<u8>) -> Result<(), BadFraming> {
    if !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Err(BadFraming);
    }
    out.extend(format!("event: {name}\ndata: {data}\n\n").as_bytes());
    Ok(())
}

/// The text of the header `name`.
fn find(mut headers: &[u8], name: &str) -> Result<Option<String>, BadFraming> {
    let mut take = |length: usize| -> Result<&[u8], BadFraming> {
        let (taken, rest) = headers.split_at_checked(length).ok_or(BadFraming)?;
        headers = rest;
        Ok(taken)
    };
    let single = |bytes: &[u8]| bytes.first().copied().ok_or(BadFraming);
    loop {
        let Ok(length) = take(1) else {
            return Ok(None);
        };
        let key = take(single(length)?.into())?;
        let is_meant = key == name.as_bytes();
        let length = match single(take(1)?)? {
            // True and false, which are all in their kinds.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            6 | 7 => {
                let length = <[u8; 2]>::try_from(take(2)?).map_err(|_| BadFraming)?;
                u16::from_be_bytes(length).into()
            }
            _ => return Err(BadFraming),
        };
        let value = take(length)?;
        if is_meant {
            return Ok(std::str::from_utf8(value).ok().map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with text headers, framed.
    fn message(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
        let mut head = Vec::new();
        for (name, value) in headers {
            head.push(u8::try_from(name.len()).unwrap());
            head.extend(name.as_bytes());
            head.push(7);
            head.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            head.extend(value.as_bytes());
        }
        let length = u32::try_from(PRELUDE + head.len() + payload.len() + CHECKSUM).unwrap();
        let mut out = length.to_be_bytes().to_vec();
        out.extend(u32::try_from(head.len()).unwrap().to_be_bytes());
        out.extend(checksum(&out).to_be_bytes());
        out.extend(head);
        out.extend(payload.as_bytes());
        out.extend(checksum(&out).to_be_bytes());
        out
    }

    fn chunk(event: &str) -> Vec<u8> {
        let headers = [
            (":event-type", "chunk"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        let payload = json!({ "bytes": BASE64.encode(event.as_bytes()), "p": "abc" });
        message(&headers, &payload.to_string())
    }

    fn decoded(pieces: &[&[u8]]) -> Result<(String, bool), BadFraming> {
        let (mut stream, mut out) = (EventStream::default(), Vec::new());
        for piece in pieces {
            stream.push(piece, &mut out)?;
        }
        Ok((String::from_utf8(out).unwrap(), stream.is_at_end()))
    }

    #[test]
    fn what_is_no_count_is_none() {
        let count = |pieces: &[&str]| {
            let mut count = CountReply::default();
            pieces.iter().try_for_each(|piece| count.push(piece.as_bytes()))?;
            count.end()
        };
        assert_eq!(
            count(&[r#"{"input"#, r#"Tokens":42}"#]).unwrap(),
            br#"{"input_tokens":42}"#
        );
        for bad in ["", "{}", r#"{"outputTokens":3}"#, r#"{"inputTokens":-1}"#, "[1]"] {
            assert!(count(&[bad]).is_err(), "{bad}");
        }
        assert!(count(&[&" ".repeat(MOST_OF_COUNT), "{"]).is_err());
    }

    #[test]
    fn the_checksum_is_that_of_the_catalogues() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_message_of_the_specification_is_read() {
        // `empty_message` of the event stream test vectors that AWS's client libraries share.
        let empty = [
            0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,
        ];
        assert_eq!(checksum(&empty[..8]), 0x05c2_48eb);
        assert_eq!(checksum(&empty[..12]), 0x7d98_c8ff);
    }

    #[test]
    fn events_come_out_the_same_however_the_stream_is_cut() {
        let mut bytes = chunk(r#"{"type":"message_start","message":{}}"#);
        bytes.extend(chunk(
            "{\"type\":\"content_block_delta\",\n\"delta\":{\"text\":\"ä\"}}",
        ));
        bytes.extend(message(
            &[
                (":exception-type", "throttlingException"),
                (":message-type", "exception"),
            ],
            r#"{"message":"slow down"}"#,
        ));
        let expected = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n\
            event: content_block_delta\ndata: {\"type\":\"content_block_delta\", \"delta\":{\"text\":\"ä\"}}\n\n\
            event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}\n\n";
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(
                decoded(&[first, second]),
                Ok((expected.to_owned(), true)),
                "cut at {at}"
            );
        }
        let cut = decoded(&[&bytes[..bytes.len() - 1]]).unwrap();
        assert!(!cut.1, "a message that is not whole is no end");
    }

    #[test]
    fn a_byte_that_was_changed_is_noticed() {
        let bytes = chunk(r#"{"type":"ping"}"#);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let said = decoded(&[&changed]);
            assert!(
                said.is_err() || said == Ok((String::new(), false)),
                "{at}: {said:?}"
            );
        }
    }

    #[test]
    fn a_body_keeps_its_values_and_loses_what_stands_in_the_address() {
        let body = r#"{"model":"m", "max_tokens": 9,"stream" : true,"messages":[ {"role":"user","content":"<a\u0020b>"} ],"temperature":1.0}"#;
        let made = invocation(body.as_bytes(), &["a-1".to_owned()]).unwrap();
        assert!(made.is_stream);
        assert_eq!(
            String::from_utf8(made.body).unwrap(),
            r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-1"],"max_tokens":9,"messages":[ {"role":"user","content":"<a\u0020b>"} ],"temperature":1.0}"#
        );
        let counted = |body: &str| {
            let asked: Value = serde_json::from_slice(&count(body.as_bytes(), &[]).unwrap()).unwrap();
            let inner = asked["input"]["invokeModel"]["body"].as_str().unwrap();
            String::from_utf8(BASE64.decode(inner.as_bytes()).unwrap()).unwrap()
        };
        for (body, asked) in [
            (
                r#"{"model":"m","messages":[]}"#,
                r#"{"max_tokens":1,"anthropic_version":"bedrock-2023-05-31","messages":[]}"#,
            ),
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":2000},"messages":[]}"#,
                r#"{"max_tokens":2001,"anthropic_version":"bedrock-2023-05-31","thinking":{"type":"enabled","budget_tokens":2000},"messages":[]}"#,
            ),
            (
                r#"{"max_tokens":9}"#,
                r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9}"#,
            ),
        ] {
            assert_eq!(counted(body), asked);
        }
        assert!(count(b"[]", &[]).is_none());
        let plain = invocation(br#"{"messages":[],"stream":false}"#, &[]).unwrap();
        assert!(!plain.is_stream);
        assert!(invocation(b"[]", &[]).is_none());
    }
}
