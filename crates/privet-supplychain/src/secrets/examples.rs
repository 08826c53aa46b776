//! Made-up texts that rules find, and such as they do not.

use super::checksum;
use super::rule::{Body, Rule};
use super::special::Form;
use super::template::Template;

/// Fills `{A20}` and its like in `text`; other braces stay.
fn fill(text: &str, next: &mut dyn FnMut() -> u64) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        made.push_str(before);
        let run = after
            .split_once('}')
            .and_then(|(run, tail)| Template::parse_form(&format!("{{{run}}}")).map(|form| (form, tail)));
        if let Some((form, tail)) = run {
            made.push_str(&form.example(next));
            rest = tail;
        } else {
            made.push('{');
            rest = after;
        }
    }
    made.push_str(rest);
    made
}

/// Numbers by chance from a fixed seed, another for each rule.
fn chance(id: &str) -> impl FnMut() -> u64 + use<> {
    let mut state = id.bytes().fold(0x9e37_79b9_7f4a_7c15_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

impl Rule {
    /// A text that the rule finds, and one that it does not.
    pub(super) fn examples(&self) -> Option<(String, String)> {
        let mut next = chance(&self.id);
        Some(match &self.body {
            Body::Token { template, .. } => {
                let token = checksum::with(&template.example(&mut next));
                // Inside a longer word; or the keyword alone where a token may start anywhere.
                let counter = if token.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                    format!("x = \"q{token}9Q\"\n")
                } else {
                    format!("x = \"{}$HERE\"\n", String::from_utf8_lossy(template.keyword()))
                };
                (format!("x = \"{token}\"\n"), counter)
            }
            Body::Issuer(issuer) => {
                let form = issuer
                    .forms
                    .iter()
                    .find(|form| form.example(&mut chance("form")).len() >= 10);
                let key = match form {
                    Some(form) => form.example(&mut next),
                    None => fill("{A32}", &mut next),
                };
                (
                    format!("{0}_api_key = '{key}'\n", issuer.name),
                    format!("{0}_api_key = os.environ['KEY']\n", issuer.name),
                )
            }
            Body::Pattern { pattern, .. } => {
                (fill(pattern.example, &mut next), fill(pattern.counter, &mut next))
            }
            Body::Named(kind) => {
                let name = match kind {
                    super::names::Kind::Password => "db_password",
                    super::names::Kind::Secret => "client_secret",
                    super::names::Kind::Key => "auth_key",
                };
                (
                    fill(&format!("{name} = \"{{A28}}\"\n"), &mut next),
                    format!("{name} = get_{name}(config)\n"),
                )
            }
            Body::Special(form) => special(*form, &mut next),
            Body::Foreign(_) => return None,
        })
    }
}

impl Rule {
    /// Texts that are almost what the rule finds, and that it does not find: a form that is a sign short or has a wrong sign, another
    /// prefix, a mask, a reference or a call in place of the value, a name that only ends like the rule's. None for rules of gitleaks
    /// files, and for those found by code of their own, whose counter-examples [`Rule::examples`] has.
    pub(super) fn near_misses(&self) -> Vec<String> {
        let mut next = chance(&self.id);
        match &self.body {
            Body::Token { template, .. } => template
                .near_misses(&mut next)
                .into_iter()
                .map(|token| format!("x = \"{token}\"\n"))
                .collect(),
            Body::Issuer(issuer) => {
                let name = &issuer.name;
                let key = fill("{A32}", &mut next);
                let mut made: Vec<String> = STAND_INS
                    .iter()
                    .map(|stand_in| format!("{name}_api_key = {stand_in}\n"))
                    .collect();
                made.push(format!("q{name}_api_key = '{key}'\n"));
                made.push(format!("see https://api.{name}.com/docs/{key}\n"));
                made.push(format!("{name}_api_key = 'short1'\n"));
                made
            }
            Body::Pattern { pattern, .. } => [mask(pattern.example, "x"), mask(pattern.example, "*")]
                .into_iter()
                .flatten()
                .collect(),
            Body::Named(kind) => {
                let name = match kind {
                    super::names::Kind::Password => "db_password",
                    super::names::Kind::Secret => "client_secret",
                    super::names::Kind::Key => "auth_key",
                };
                let mut made: Vec<String> = STAND_INS
                    .iter()
                    .map(|stand_in| format!("{name} = {stand_in}\n"))
                    .collect();
                made.push(fill(&format!("{name}_url = \"{{A28}}\"\n"), &mut next));
                made.push(fill(&format!("{name}_length = \"{{A28}}\"\n"), &mut next));
                made
            }
            Body::Special(_) | Body::Foreign(_) => Vec::new(),
        }
    }
}

/// What is written where a secret would stand and is none.
const STAND_INS: [&str; 8] = [
    "\"${SECRET_FROM_ELSEWHERE}\"",
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
    "\"********************************\"",
    "\"your_key_goes_here\"",
    "\"<put-it-here>\"",
    "\"{{ .Values.secret }}\"",
    "os.environ[\"NAME_OF_IT\"]",
    "settings.load_secret(name)",
];

/// `example` with each made-up run such as `{A32}` as long, and all of `sign`; `None` if it has none.
fn mask(example: &str, sign: &str) -> Option<String> {
    let mut made = String::new();
    let mut rest = example;
    let mut masked = false;
    while let Some((before, after)) = rest.split_once('{') {
        made.push_str(before);
        let run = after
            .split_once('}')
            .and_then(|(run, tail)| Template::parse_form(&format!("{{{run}}}")).map(|form| (form, tail)));
        if let Some((form, tail)) = run {
            let length = form.example(&mut chance("mask")).len();
            // A short run is beside words that stay.
            masked |= length >= 12;
            made.push_str(&sign.repeat(length));
            rest = tail;
        } else {
            made.push('{');
            rest = after;
        }
    }
    made.push_str(rest);
    masked.then_some(made)
}

fn special(form: Form, next: &mut dyn FnMut() -> u64) -> (String, String) {
    let mut made = |text: &str| fill(text, next);
    match form {
        Form::PrivateKey => (
            made(concat!(
                "-----BEGIN RSA PRIV",
                "ATE KEY-----\n{A64}\n{A64}\n-----END RSA PRIV",
                "ATE KEY-----\n"
            )),
            concat!(
                "-----BEGIN PRIV",
                "ATE KEY-----\nanything\n-----END PRIV",
                "ATE KEY-----\n"
            )
            .to_owned(),
        ),
        Form::PrivateKeyBase64 => {
            let block = made(concat!("-----BEGIN RSA PRIV", "ATE KEY-----\n{A64}\n{A64}\n"));
            (
                data_encoding::BASE64.encode(block.as_bytes()),
                data_encoding::BASE64
                    .encode(b"-----BEGIN CERTIFICATE-----\nand so on, and so on, and so on, and so on"),
            )
        }
        Form::Jwt => (jwt(&mut made), "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9".to_owned()),
        Form::JwtBase64 => (
            data_encoding::BASE64.encode(jwt(&mut made).as_bytes()),
            "ZXlKhbGci".to_owned(),
        ),
        Form::UrlCredentials => (
            made("postgres://me:{A12}@db.example.com/main"),
            "postgres://${USER}:${PASS}@db.example.com/main".to_owned(),
        ),
        Form::KubernetesSecret => (
            format!(
                "apiVersion: v1\nkind: Secret\ndata:\n  password: {}\n",
                data_encoding::BASE64.encode(made("{A14}").as_bytes())
            ),
            "apiVersion: v1\nkind: Secret\ndata:\n  password: {{ .Values.password }}\n".to_owned(),
        ),
        Form::DiscordToken => (made("M{A25}.{A6}.{A38}"), made("M{A25}.{A6}.{A12}")),
    }
}

fn jwt(made: &mut dyn FnMut(&str) -> String) -> String {
    let encode = |json: &str| data_encoding::BASE64URL_NOPAD.encode(json.as_bytes());
    format!(
        "{}.{}.{}",
        encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        encode(r#"{"sub":"1","name":"made up"}"#),
        made("{A43}")
    )
}
