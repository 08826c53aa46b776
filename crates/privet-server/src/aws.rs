//! AWS Signature Version 4, as requests to Bedrock need it.
//!
//! Written from "Signature Version 4 signing process" of the AWS General Reference, over reviewed HMAC and SHA-256. The
//! paths are encoded once more, as all services but S3 want it.

use std::fmt::Write as _;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use privet_crypto::{hmac_sha256, sha256};
use privet_types::Secret;

use crate::query::encode;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Keys of an AWS account.
#[derive(Clone)]
pub struct AwsKeys {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret<String>,
    /// The session token of temporary keys.
    pub session_token: Option<Secret<String>>,
}

/// Signs requests for one service in one region.
pub(crate) struct Signer {
    keys: AwsKeys,
    region: String,
    service: &'static str,
}

/// A key that cannot stand in a header.
#[derive(Debug)]
pub(crate) struct BadKey;

impl Signer {
    pub(crate) const fn new(keys: AwsKeys, region: String, service: &'static str) -> Self {
        Self {
            keys,
            region,
            service,
        }
    }

    /// Puts date, hash of the body, token and signature into `headers`, for a request to `host`. `target`: the path and the query,
    /// as they are sent.
    pub(crate) fn sign(
        &self,
        method: &Method,
        host: &HeaderValue,
        target: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), BadKey> {
        let hash = HeaderValue::from_str(&hex(&sha256(body))).map_err(|_| BadKey)?;
        headers.insert(CONTENT_HASH, hash);
        let is_signed = |name: &HeaderName| [CONTENT_TYPE, CONTENT_HASH].contains(name);
        self.sign_with(method, host, target, headers, &is_signed, body, at)
    }

    /// Signs host, date, token and those of `headers` that `is_signed` says.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one request")]
    fn sign_with(
        &self,
        method: &Method,
        host: &HeaderValue,
        target: &str,
        headers: &mut HeaderMap,
        is_signed: &dyn Fn(&HeaderName) -> bool,
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), BadKey> {
        let time = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = time.get(..8).unwrap_or_default();
        headers.insert(DATE, HeaderValue::from_str(&time).map_err(|_| BadKey)?);
        // A caller's own would be signed.
        headers.remove(TOKEN);
        if let Some(token) = &self.keys.session_token {
            headers.insert(TOKEN, secret_value(token.expose())?);
        }
        let mut signed: Vec<(&str, &[u8])> = headers
            .iter()
            .filter(|(name, _)| [DATE, TOKEN].contains(name) || is_signed(name))
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        signed.push((HOST.as_str(), host.as_bytes()));
        signed.sort_unstable();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request =
            format!("{method}\n{}\n{}\n", encoded_path(path), canonical_query(query)).into_bytes();
        for (name, value) in signed {
            request.extend(name.as_bytes());
            request.push(b':');
            request.extend(value.trim_ascii());
            request.push(b'\n');
        }
        request.extend(format!("\n{names}\n{}", hex(&sha256(body))).as_bytes());
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&sha256(&request)));
        let signature = hex(&hmac_sha256(&self.key_of(day), to_sign.as_bytes()));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.keys.access_key_id
        );
        headers.insert(AUTHORIZATION, secret_value(&authorization)?);
        Ok(())
    }

    /// The key for requests of `day`.
    fn key_of(&self, day: &str) -> [u8; 32] {
        let secret = Secret::new(format!("AWS4{}", self.keys.secret_access_key.expose()));
        [&self.region, self.service, "aws4_request"].iter().fold(
            hmac_sha256(secret.expose().as_bytes(), day.as_bytes()),
            |key, part| hmac_sha256(&key, part.as_bytes()),
        )
    }
}

fn secret_value(text: &str) -> Result<HeaderValue, BadKey> {
    let mut value = HeaderValue::from_str(text).map_err(|_| BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// A path as it is sent, each of its segments encoded once more.
fn encoded_path(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(encode).collect();
    let path = segments.join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}

/// A query as it is sent, its pairs in order.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(&str, &str)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded_once(name), encoded_once(value)))
        .collect();
    pairs.join("&")
}

/// The same for text that may be encoded already.
fn encoded_once(text: &str) -> String {
    encode(text).replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of AWS's published Signature Version 4 test suite, as its file `header-signature.txt` has it.
    struct Case {
        name: &'static str,
        method: Method,
        target: &'static str,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
        token: Option<&'static str>,
        signature: &'static str,
    }

    const fn case(name: &'static str, method: Method, target: &'static str, signature: &'static str) -> Case {
        Case {
            name,
            method,
            target,
            headers: &[],
            body: "",
            token: None,
            signature,
        }
    }

    const STS_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    #[test]
    fn the_published_test_suite_is_signed_as_it_says() {
        let letters = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let unreserved: &'static str = Box::leak(format!("/{letters}").into_boxed_str());
        let in_query: &'static str = Box::leak(format!("/?{letters}={letters}").into_boxed_str());
        let cases = [
            case(
                "get-vanilla",
                Method::GET,
                "/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            case(
                "get-vanilla-empty-query-key",
                Method::GET,
                "/?Param1=value1",
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
            ),
            case(
                "get-vanilla-query-order-key-case",
                Method::GET,
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            case(
                "get-vanilla-query-order-encoded",
                Method::GET,
                "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            ),
            case(
                "get-vanilla-query-unreserved",
                Method::GET,
                in_query,
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            case(
                "get-unreserved",
                Method::GET,
                unreserved,
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            // Raw in the suite; a request's path is encoded when it gets here, and then once more.
            case(
                "get-utf8, its path not yet encoded",
                Method::GET,
                "/\u{1234}",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            case(
                "post-vanilla-query",
                Method::POST,
                "/?Param1=value1",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            Case {
                token: Some(STS_TOKEN),
                ..case(
                    "post-sts-header-before",
                    Method::POST,
                    "/",
                    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
                )
            },
            Case {
                token: Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
                ..case(
                    "get-vanilla-with-session-token",
                    Method::GET,
                    "/",
                    "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
                )
            },
            Case {
                headers: &[
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("content-length", "13"),
                    (
                        "x-amz-content-sha256",
                        "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
                    ),
                ],
                body: "Param1=value1",
                ..case(
                    "post-x-www-form-urlencoded",
                    Method::POST,
                    "/",
                    "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
                )
            },
        ];
        for case in cases {
            let keys = AwsKeys {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
                session_token: case.token.map(|token| Secret::new(token.to_owned())),
            };
            let signer = Signer::new(keys, "us-east-1".to_owned(), "service");
            let mut headers = HeaderMap::new();
            for (name, value) in case.headers {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let host = HeaderValue::from_static("example.amazonaws.com");
            let at = "2015-08-30T12:36:00Z".parse().unwrap();
            let body = case.body.as_bytes();
            signer
                .sign_with(
                    &case.method,
                    &host,
                    case.target,
                    &mut headers,
                    &|_| true,
                    body,
                    at,
                )
                .unwrap();
            let said = headers[AUTHORIZATION].to_str().unwrap();
            assert!(
                said.ends_with(&format!("Signature={}", case.signature)),
                "{}: {said}",
                case.name
            );
        }
    }

    #[test]
    fn a_path_is_encoded_once_more_as_the_suite_shows() {
        // `double-url-encode` and `double-encode-path`.
        assert_eq!(
            encoded_path("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2/invocations"),
            "/2015-03-31/functions/arn%253Aaws%253Alambda%253Aus-west-2/invocations"
        );
        assert_eq!(
            encoded_path("/test/@connections/JBDvjfGEIAMCERw%3D"),
            "/test/%40connections/JBDvjfGEIAMCERw%253D"
        );
        assert_eq!(encoded_path(""), "/");
    }
}
