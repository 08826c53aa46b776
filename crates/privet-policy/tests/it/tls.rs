use privet_policy::{ClientAuth, ClientName, settings_example};
use privet_types::{KeyScope, KeyScopes};

use crate::{LEAST, refused, settings, switched_on};

const PAIR: &str = "cert = \"a.pem\"\nkey = \"a.key\"";

fn tls(lines: &str) -> String {
    format!("{LEAST}\n[tls]\n{lines}")
}

#[test]
fn plain_http_stays_on_this_machine_unless_a_proxy_speaks_tls() {
    for listen in [
        "0.0.0.0:8787",
        "192.0.2.1:8787",
        "[::]:8787",
        "[2001:db8::1]:8787",
    ] {
        let with = |lines: &str| format!("listen = \"{listen}\"\n{}", tls(lines));
        let error = refused(&with(""));
        assert!(
            error.contains("`listen`") && error.contains("terminated_elsewhere"),
            "{error}"
        );
        assert_eq!(settings(&with("terminated_elsewhere = true")).unwrap().tls, None);
        assert!(settings(&with(PAIR)).unwrap().tls.is_some());
    }
    for listen in ["127.0.0.1:8787", "127.8.8.8:1", "[::1]:8787"] {
        assert!(settings(&format!("listen = \"{listen}\"\n{LEAST}")).is_ok());
    }
}

#[test]
fn with_tls_the_vault_and_presidios_endpoints_may_be_reached_from_elsewhere() {
    let lines = "[vault]\nenabled = true\nlisten = \"0.0.0.0:3300\"\n[presidio]\nlisten = \"0.0.0.0:3000\"\nrequire_key = true";
    assert!(settings(&format!("{}\n{lines}", tls(PAIR))).is_ok());
    assert!(refused(&format!("{LEAST}\n{lines}")).contains("vault.listen"));
    let presidio = "[presidio]\nlisten = \"0.0.0.0:3000\"\nrequire_key = true";
    assert!(refused(&format!("{LEAST}\n{presidio}")).contains("presidio.listen"));
}

#[test]
fn what_a_client_stands_for_is_read_whole() {
    let read = settings(&tls(&format!(
        "{PAIR}\nclient_ca = \"ca.pem\"\nhsts = \"0s\"\n[[tls.clients]]\ndns = \"CI.example\"\nprincipal = \"ci\"\n\
         scopes = [\"vault.read\"]\n[[tls.clients]]\nspki = \"{}\"\nprincipal = \"b\"\ntenant = \"acme\"",
        "0aF".repeat(21) + "1"
    )));
    let read = read.unwrap().tls.unwrap();
    assert_eq!((read.client_auth, read.hsts), (ClientAuth::Required, None));
    assert_eq!(read.certificates.len(), 1);
    let [first, second] = read.clients.as_slice() else {
        panic!("{:?}", read.clients);
    };
    assert_eq!(first.certificate, ClientName::Dns("ci.example".to_owned()));
    assert_eq!(first.scopes, KeyScopes::of(&[KeyScope::VaultRead]));
    assert_eq!((second.tenant.as_str(), second.principal.as_str()), ("acme", "b"));
    assert_eq!(second.scopes, KeyScopes::default());
    let example = settings(&switched_on(settings_example())).unwrap().tls.unwrap();
    assert_eq!((example.certificates.len(), example.clients.len()), (2, 1));
}

#[test]
fn an_authority_is_read_whole() {
    let acme = |lines: &str| settings(&tls(&format!("[tls.acme]\nagree_to_terms = true\n{lines}")));
    let least = acme("domains = [\"Gateway.Example.com\", \"ai.example\"]").unwrap();
    let read = least.tls.unwrap();
    assert!(read.certificates.is_empty() && read.hsts.is_some());
    let read = read.acme.unwrap();
    assert_eq!(read.directory, "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(
        read.domains.into_iter().collect::<Vec<_>>(),
        ["ai.example", "gateway.example.com"]
    );
    assert_eq!((read.http_listen, read.external_account), (None, None));
    let staging = acme("domains = [\"a.example\"]\ndirectory = \"letsencrypt-staging\"").unwrap();
    let directory = staging.tls.unwrap().acme.unwrap().directory;
    assert_eq!(
        directory,
        "https://acme-staging-v02.api.letsencrypt.org/directory"
    );
    let beyond = format!(
        "listen = \"0.0.0.0:443\"\n{}",
        tls("[tls.acme]\nagree_to_terms = true\ndomains = [\"a.example\"]")
    );
    assert!(settings(&beyond).is_ok(), "it is TLS");
    let example = settings(&switched_on(settings_example())).unwrap().tls.unwrap();
    let example = example.acme.unwrap();
    assert_eq!(example.http_listen, "0.0.0.0:80".parse().ok());
    assert_eq!(example.external_account.unwrap().id, "kid-1");
}

#[test]
fn an_authority_that_cannot_be_meant_is_refused_with_the_way_out() {
    let good = "domains = [\"a.example\"]\nagree_to_terms = true";
    for (lines, at, says) in [
        ("agree_to_terms = true".to_owned(), "tls.acme", "domains"),
        (
            "domains = [\"a.example\"]".to_owned(),
            "tls.acme.agree_to_terms",
            "terms of service",
        ),
        (
            "domains = []\nagree_to_terms = true".to_owned(),
            "tls.acme.domains",
            "1 to 100",
        ),
        (
            "domains = [\"*.a.example\"]\nagree_to_terms = true".to_owned(),
            "tls.acme.domains[0]",
            "DNS",
        ),
        (
            "domains = [\"192.0.2.1\"]\nagree_to_terms = true".to_owned(),
            "tls.acme.domains[0]",
            "full name",
        ),
        (
            "domains = [\"a.example\", \"A.example\"]\nagree_to_terms = true".to_owned(),
            "tls.acme.domains[1]",
            "twice",
        ),
        (
            format!("{good}\nchallenge = \"http-01\""),
            "tls.acme.challenge",
            "http_listen",
        ),
        (
            format!("{good}\nchallenge = \"http-01\"\nhttp_listen = \"80\""),
            "tls.acme.http_listen",
            "0.0.0.0:80",
        ),
        (
            format!("{good}\nhttp_listen = \"0.0.0.0:80\""),
            "tls.acme.http_listen",
            "http-01",
        ),
        (
            format!("{good}\ndirectory = \"http://ca.example/d\""),
            "tls.acme.directory",
            "letsencrypt-staging",
        ),
        (
            format!("{good}\ndirectory = \"zerossl\""),
            "tls.acme.directory",
            "letsencrypt-staging",
        ),
        (
            format!("{good}\ncontact = \"nobody\""),
            "tls.acme.contact",
            "e-mail",
        ),
        (
            format!("{good}\ncontact = \"a@b.example,c@d.example\""),
            "tls.acme.contact",
            "e-mail",
        ),
        (
            format!("{good}\nprofile = \"\""),
            "tls.acme.profile",
            "directory lists",
        ),
        (
            format!("{good}\nexternal_account = {{ id = \"\", key = {{ env = \"KEY\" }} }}"),
            "tls.acme.external_account.id",
            "the authority gave you",
        ),
    ] {
        let error = refused(&tls(&format!("[tls.acme]\n{lines}")));
        assert!(
            error.contains(&format!("`{at}`")) && error.contains(says),
            "{lines}: {error}"
        );
    }
    let both = format!("terminated_elsewhere = true\n[tls.acme]\n{good}");
    assert!(refused(&tls(&both)).contains("`tls.terminated_elsewhere`"));
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_way_out() {
    let client = |lines: &str| format!("{PAIR}\nclient_ca = \"ca.pem\"\n[[tls.clients]]\n{lines}");
    for (lines, at, says) in [
        ("cert = \"a.pem\"".to_owned(), "tls.cert", "needs its `key`"),
        ("key = \"a.key\"".to_owned(), "tls.key", "needs its `cert`"),
        (
            format!("{PAIR}\nterminated_elsewhere = true"),
            "tls.terminated_elsewhere",
            "delete",
        ),
        (
            "client_ca = \"ca.pem\"".to_owned(),
            "tls.client_ca",
            "`cert` and `key`",
        ),
        (
            "client_auth = \"required\"".to_owned(),
            "tls.client_auth",
            "`cert` and `key`",
        ),
        (
            format!("{PAIR}\nclient_auth = \"required\""),
            "tls.client_auth",
            "`client_ca`",
        ),
        (
            format!("{PAIR}\nclient_ca = \"ca.pem\"\nclient_auth = \"off\""),
            "tls.client_auth",
            "delete one",
        ),
        (format!("{PAIR}\nhsts = \"4000d\""), "tls.hsts", "use 0s to"),
        (
            format!("{PAIR}\n[[tls.clients]]\ndns = \"a.example\"\nprincipal = \"a\""),
            "tls.clients",
            "`client_ca`",
        ),
        (client("principal = \"a\""), "tls.clients[0]", "exactly one"),
        (
            client("principal = \"a\"\ndns = \"a.example\"\nuri = \"a:b\""),
            "tls.clients[0]",
            "exactly one",
        ),
        (
            client("principal = \"a\"\ndns = \"*.example\""),
            "tls.clients[0].dns",
            "without `*`",
        ),
        (
            client("principal = \"a\"\nuri = \"a b\""),
            "tls.clients[0].uri",
            "spiffe://",
        ),
        (
            client("principal = \"a\"\nspki = \"12\""),
            "tls.clients[0].spki",
            "64 hexadecimal",
        ),
        (
            client("principal = \"a b\"\nuri = \"a:b\""),
            "tls.clients[0].principal",
            "1 to 64",
        ),
        (
            client("principal = \"a\"\nuri = \"a:b\"\nscopes = [\"all\"]"),
            "tls.clients[0].scopes[0]",
            "no such scope",
        ),
        (
            client("principal = \"a\"\nuri = \"a:b\"\n[[tls.clients]]\nprincipal = \"b\"\nuri = \"a:b\""),
            "tls.clients[1]",
            "same name",
        ),
    ] {
        let error = refused(&tls(&lines));
        assert!(
            error.contains(&format!("`{at}`")) && error.contains(says),
            "{lines}: {error}"
        );
    }
}
