//! `traceparent`: which trace a request belongs to, and which span it came from (W3C Trace Context).
//!
//! `tracestate` and `baggage` are text of others: they are neither read nor sent.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) is_sampled: bool,
}

/// What the headers of a request say of it; none where they say nothing, several things or nonsense.
pub(super) fn read(headers: &HeaderMap) -> Option<Origin> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    parse(value.to_str().ok()?)
}

fn parse(text: &str) -> Option<Origin> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
    let flags = hex(parts.next()?, 2)?;
    // Later versions may go on behind the flags.
    let is_known = version != 0xff && (version != 0 || parts.next().is_none());
    (is_known && trace != 0 && span != 0).then(|| {
        Some(Origin {
            trace,
            span: u64::try_from(span).ok()?,
            is_sampled: flags & 1 == 1,
        })
    })?
}

/// `digits` hexadecimal digits, which are small letters.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// The header of a request that belongs to a trace which is kept.
pub(super) fn write(trace: u128, span: u64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("00-{trace:032x}-{span:016x}-01")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation.
    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn an_origin_is_read_as_it_is_written() {
        let origin = parse(EXAMPLE).unwrap();
        assert!(origin.is_sampled);
        assert_eq!(write(origin.trace, origin.span).unwrap(), EXAMPLE);
        assert_eq!(
            parse(&EXAMPLE.replace("-01", "-00")).map(|o| o.is_sampled),
            Some(false)
        );
        assert!(parse(&EXAMPLE.replace("00-0af", "01-0af")).is_some());
        assert!(parse(&format!("{}-more", EXAMPLE.replace("00-0af", "cc-0af"))).is_some());
        for bad in [
            String::new(),
            EXAMPLE.to_uppercase(),
            format!("{EXAMPLE}-more"),
            EXAMPLE.replace("00-0af", "ff-0af"),
            EXAMPLE.replace("b7ad6b7169203331", "0000000000000000"),
            EXAMPLE.replace(
                "0af7651916cd43dd8448eb211c80319c",
                "00000000000000000000000000000000",
            ),
            EXAMPLE.replace("b7ad", "+7ad"),
            EXAMPLE.chars().take(EXAMPLE.len() - 1).collect(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert!(read(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(EXAMPLE));
        assert_eq!(read(&headers), None);
    }
}
