use crate::{LEAST, refused, refused_policy};

#[test]
fn an_empty_document_says_what_to_add() {
    let said = [refused(""), refused(LEAST.split("[[models]]").next().unwrap())];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn an_unknown_key_suggests_the_nearest_known_one() {
    let said = [
        refused("lisen = \"127.0.0.1:1\""),
        refused("[limit]\nheaders = 1"),
        refused("[limits]\nrequest-body = 1"),
        refused("[log]\ncolour = true"),
        refused("[[providers]]\napikey = { env = \"A\" }"),
        refused_policy("[pii.entities]\nEMAIL = \"mask\""),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_missing_key_is_named() {
    let said = [refused("[[providers]]\nname = \"x\"\ndialect = \"openai\"\n")];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_wrong_kind_of_value_is_told_by_kind() {
    let said = [
        refused("listen = 8787"),
        refused("limits = 3"),
        refused("[limits]\nheaders = -1"),
        refused("[limits]\nheaders = \"many\""),
        refused("[limits]\nrequest_body = true"),
        refused("[limits]\nrequest_body = \"16MB\""),
        refused("[limits]\nheader_timeout = 10"),
        refused("[limits]\nheader_timeout = \"10 seconds\""),
        refused("[log]\nformat = \"jsn\""),
        refused("[log]\nformat = \"xml\""),
        refused("[log]\nformat = 3"),
        refused("[[providers]]\napi_key = 3"),
        refused("[providers]\nname = \"x\""),
        refused_policy("[restore]\ntext = \"yes\""),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_value_out_of_range_is_told_the_range() {
    let said = [
        refused(&format!("[keys]\nsurrogate_epoch = 0\n{LEAST}")),
        refused("[keys]\nsurrogate_epoch = -1"),
        refused(&format!("listen = \"localhost\"\n{LEAST}")),
        refused(&format!("[limits]\nheaders = 0\n{LEAST}")),
        refused(&format!("[limits]\nrequest_body = \"100GiB\"\n{LEAST}")),
        refused(&format!("[limits]\ndetect_deadline = \"0s\"\n{LEAST}")),
        refused(&format!("[store]\npath = \"\"\n{LEAST}")),
        refused_policy("[audit]\nloss_window = \"10m\""),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn providers_and_models_must_fit_together() {
    let twice = LEAST.replace("[[models]]", "[[providers]]\nname = \"local\"\ndialect = \"openai\"\nbase_url = \"https://a.example/v1\"\n[[models]]");
    let said = [
        refused(&LEAST.replace("provider = \"local\"", "provider = \"locale\"")),
        refused(&LEAST.replace("provider = \"local\"", "provider = \"openai\"")),
        refused(&twice),
        refused(&format!(
            "{LEAST}[[models]]\nmatch = \"gpt-*\"\nprovider = \"local\""
        )),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_bad_address_says_what_is_wrong_with_it() {
    let base = |url: &str| refused(&LEAST.replace("http://127.0.0.1:11434/v1", url));
    let said = [
        base("http://10.0.0.1/v1"),
        base("api.openai.com/v1"),
        base("https://me@api.openai.com/v1"),
        refused(&LEAST.replace("openai", "anthropic")),
        refused_policy("[restore]\nurl_allow = [\"https://intranet.example.com\"]"),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn surrogates_cannot_be_switched_off() {
    let said = [refused_policy("[pii.entities]\nSURROGATE = \"allow\"")];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_place() {
    let said = [
        refused("listen = 127.0.0.1:8787"),
        refused("[log\nlevel = \"info\""),
        refused("[log]\nlevel = \"info\"\nlevel = \"info\""),
        refused("{ \"listen\": \"127.0.0.1:8787\" }"),
    ];
    insta::assert_snapshot!(said.join("\n"));
}
