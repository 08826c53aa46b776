//! What a provider says a reply used, in the replies and streams of either dialect.

use memchr::{memchr2, memmem};
use privet_policy::limits::Used;
use serde::Deserialize;

/// Longest JSON reply, and longest line of a stream, that is held to be read.
const LONGEST: usize = 4 << 20;
/// Bytes of a JSON reply to a token, where the provider does not say.
const BYTES_PER_TOKEN: u64 = 4;

/// Reads along with one reply.
pub(crate) struct Usage {
    is_stream: bool,
    /// The JSON reply so far, or the beginning of a line.
    held: Vec<u8>,
    /// Whether what is held became too long, so that its rest is not looked at.
    is_skipped: bool,
    bytes: u64,
    /// Events of a stream. Providers send about one for each token.
    events: u64,
    told: Told,
}

/// The parts of a reply that may say what was used: OpenAI's chat completions and Anthropic's messages at the top, the first event of
/// Anthropic's streams under `message`, the last one of OpenAI's responses under `response`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    usage: Option<Told>,
    message: Option<Inner>,
    response: Option<Inner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    usage: Option<Told>,
}

/// What a provider says a reply used; `input` is all that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    /// Of those that came in, those that a cache held.
    pub(crate) cached: Option<u64>,
    /// Of those that came in, those that were put into a cache.
    pub(crate) created: Option<u64>,
}

/// Under OpenAI's two names, and Anthropic's; some providers send several.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Told {
    input_tokens: Option<u64>,
    prompt_tokens: Option<u64>,
    output_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    /// Anthropic's, which are no part of `input_tokens`.
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    /// OpenAI's, which are.
    input_tokens_details: Option<Details>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
}

impl Usage {
    /// Of a reply of this media type.
    pub(crate) fn of(media_type: &[u8]) -> Self {
        let stream: &[u8] = b"text/event-stream";
        let start = media_type.get(..stream.len()).unwrap_or_default();
        Self {
            is_stream: start.eq_ignore_ascii_case(stream),
            held: Vec::new(),
            is_skipped: false,
            bytes: 0,
            events: 0,
            told: Told::default(),
        }
    }

    /// The next piece of the reply.
    pub(crate) fn hear(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if !self.is_stream {
            self.hold(piece);
            return;
        }
        let mut rest = piece;
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let (line, after) = rest.split_at(end);
            if self.held.is_empty() && !self.is_skipped {
                self.line(line);
            } else {
                self.hold(line);
                let whole = std::mem::take(&mut self.held);
                self.line(&whole);
                self.is_skipped = false;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.hold(rest);
    }

    /// Whether it comes event by event.
    pub(crate) const fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// What the provider has said by now; nothing is guessed.
    pub(crate) fn tokens(&self) -> Option<Tokens> {
        let told = self.all_told();
        let of_openai = told.input_tokens_details.or(told.prompt_tokens_details);
        let read = told.cache_read_input_tokens;
        // What Anthropic counts apart is no part of its number.
        let beside = [read, told.cache_creation_input_tokens]
            .into_iter()
            .flatten()
            .fold(0, u64::saturating_add);
        let input = told.input_tokens.or(told.prompt_tokens);
        let tokens = Tokens {
            input: input.map(|input| input.saturating_add(beside)),
            output: told.output_tokens.or(told.completion_tokens),
            cached: read.or(of_openai.and_then(|details| details.cached_tokens)),
            created: told.cache_creation_input_tokens,
        };
        (tokens.input.is_some() || tokens.output.is_some()).then_some(tokens)
    }

    fn all_told(&self) -> Told {
        if self.is_stream {
            self.told
        } else {
            self.told.and(read(&self.held))
        }
    }

    /// Whether nothing came of a reply that comes at once.
    pub(crate) const fn heard_nothing(&self) -> bool {
        !self.is_stream && self.bytes == 0
    }

    /// What was used by now, `estimate` where the provider has not said.
    pub(crate) fn used(&self, estimate: &Used) -> Used {
        let told = self.all_told();
        let says_nothing = told.input_tokens.or(told.prompt_tokens).is_none();
        let guessed = if self.is_stream {
            self.events
        } else if self.is_skipped {
            // Long replies are embeddings and images, whose bytes are no tokens.
            (self.bytes / BYTES_PER_TOKEN).min(estimate.output)
        } else if says_nothing {
            self.bytes / BYTES_PER_TOKEN
        } else {
            // Embeddings, which are no tokens.
            0
        };
        let details = told.input_tokens_details.or(told.prompt_tokens_details);
        let within = details
            .and_then(|details| details.cached_tokens)
            .unwrap_or_default();
        let beside = told.cache_read_input_tokens.unwrap_or_default();
        let created = told.cache_creation_input_tokens.unwrap_or_default();
        Used {
            input: told
                .input_tokens
                .or(told.prompt_tokens)
                .unwrap_or(estimate.input)
                .saturating_sub(within)
                .saturating_add(created),
            cached: within.saturating_add(beside),
            output: told.output_tokens.or(told.completion_tokens).unwrap_or(guessed),
        }
    }

    fn hold(&mut self, piece: &[u8]) {
        if self.is_skipped || self.held.len() + piece.len() > LONGEST {
            self.is_skipped = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(piece);
        }
    }

    fn line(&mut self, line: &[u8]) {
        let Some(data) = line.strip_prefix(b"data:") else {
            return;
        };
        self.events += 1;
        if memmem::find(data, b"\"usage\"").is_some() {
            self.told = self.told.and(read(data));
        }
    }
}

fn read(json: &[u8]) -> Told {
    let reply: Reply = serde_json::from_slice(json).unwrap_or_default();
    let inner = |inner: Option<Inner>| inner.and_then(|inner| inner.usage);
    reply
        .usage
        .or(inner(reply.message))
        .or(inner(reply.response))
        .unwrap_or_default()
}

impl Told {
    /// What is told later counts: streams tell sums.
    fn and(self, later: Self) -> Self {
        Self {
            input_tokens: later.input_tokens.or(self.input_tokens),
            prompt_tokens: later.prompt_tokens.or(self.prompt_tokens),
            output_tokens: later.output_tokens.or(self.output_tokens),
            completion_tokens: later.completion_tokens.or(self.completion_tokens),
            cache_read_input_tokens: later.cache_read_input_tokens.or(self.cache_read_input_tokens),
            cache_creation_input_tokens: later
                .cache_creation_input_tokens
                .or(self.cache_creation_input_tokens),
            input_tokens_details: later.input_tokens_details.or(self.input_tokens_details),
            prompt_tokens_details: later.prompt_tokens_details.or(self.prompt_tokens_details),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = b"application/json";
    const SSE: &[u8] = b"text/event-stream; charset=utf-8";

    fn used(kind: &[u8], reply: &str, piece: usize) -> Used {
        let mut usage = Usage::of(kind);
        reply.as_bytes().chunks(piece).for_each(|piece| usage.hear(piece));
        usage.used(&of(1000, 0, 99))
    }

    const fn of(input: u64, cached: u64, output: u64) -> Used {
        Used {
            input,
            cached,
            output,
        }
    }

    #[test]
    fn what_a_provider_says_is_read_however_the_reply_is_cut() {
        let chat = r#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":1}"}}],
            "usage":{"prompt_tokens":50,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":20}}}"#;
        let messages = r#"{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":1,"output_tokens":1}}}],
            "usage":{"input_tokens":50,"cache_read_input_tokens":20,"cache_creation_input_tokens":5,"output_tokens":7}}"#;
        let responses = r#"{"output":[],"usage":{"input_tokens":50,"input_tokens_details":{"cached_tokens":20},"output_tokens":7}}"#;
        let chat_stream = "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}],\"usage\":null}\r\n\r\n\
            data: {\"choices\":[],\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":7}}\r\n\r\ndata: [DONE]\r\n\r\n";
        let messages_stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":50,\
            \"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n";
        let responses_stream = "event: response.completed\rdata: {\"type\":\"response.completed\",\"response\":{\"usage\":\
            {\"input_tokens\":50,\"output_tokens\":7}}}\r\r";
        for (kind, reply, expected) in [
            (JSON, chat, of(30, 20, 7)),
            (JSON, messages, of(55, 20, 7)),
            (JSON, responses, of(30, 20, 7)),
            (SSE, chat_stream, of(50, 0, 7)),
            (SSE, messages_stream, of(50, 0, 7)),
            (SSE, responses_stream, of(50, 0, 7)),
        ] {
            for piece in [1, 7, 64, reply.len()] {
                assert_eq!(used(kind, reply, piece), expected, "{piece} of {reply}");
            }
        }
    }

    #[test]
    fn where_a_provider_says_nothing_the_reply_is_guessed_by_its_events_or_bytes() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n".repeat(9);
        assert_eq!(used(SSE, &stream, 5), of(1000, 0, 9));
        // A stream that broke off has said what its prompt was.
        let begun = "data: {\"message\":{\"usage\":{\"input_tokens\":50}}}\n\ndata: {}\n\ndata: {\"us";
        assert_eq!(used(SSE, begun, 100), of(50, 0, 2));
        assert_eq!(
            used(JSON, &format!("[\"{}\"]", "x".repeat(396)), 100),
            of(1000, 0, 100)
        );
        assert_eq!(used(JSON, "not JSON", 100), of(1000, 0, 2));
        let embeddings =
            r#"{"data":[{"embedding":[0.1,0.2,0.3]}],"usage":{"prompt_tokens":9,"total_tokens":9}}"#;
        let images = "x".repeat(LONGEST + 1);
        assert_eq!(
            used(JSON, &images, 1 << 16),
            of(1000, 0, 99),
            "too long to be read"
        );
        assert_eq!(used(JSON, embeddings, 100), of(9, 0, 0));
    }
}
