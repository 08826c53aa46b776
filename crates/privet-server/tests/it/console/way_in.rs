//! Coming in and going out, and what others try against that.

use data_encoding::BASE32_NOPAD;
use privet_crypto::hmac_sha1;
use privet_testkit::{Reply, TestGateway};
use privet_types::Clock;

use super::{
    BY_PASSWORD, ORIGIN, PAGES, PASSWORD, Tab, enter, house, location, person, post, signed_in, token_in,
};

/// The secret that a page shows for typing.
fn secret(reply: &Reply) -> String {
    let html = reply.text();
    let (_, rest) = html.split_once("<p class=\"secret\"><code>").expect("a secret");
    rest.split('<').next().unwrap().replace(' ', "")
}

/// RFC 6238, as an authenticator app has it.
fn code(secret: &str, gateway: &TestGateway, steps: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let step = gateway.clock().now().as_second().div_euclid(30) + steps;
    let hash = hmac_sha1(&secret, &step.to_be_bytes());
    let offset = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn without_an_origin_or_switched_off_there_is_no_console() {
    let off = format!("origin = \"{ORIGIN}\"\n[console]\nenabled = false");
    for builder in [TestGateway::builder(), TestGateway::builder().sign_in(&off)] {
        let gateway = builder.start().await;
        for path in ["/console", "/console/sign-in", "/console/decisions"] {
            assert_eq!(gateway.ask("GET", path).send().await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn who_has_not_signed_in_is_sent_to_do_so_and_sees_nothing() {
    let gateway = house().start().await;
    for (path, _) in PAGES
        .into_iter()
        .chain([("/console/", ""), ("/console/nowhere?a=b", "")])
    {
        let encoded = path.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        for ask in [
            gateway.ask("GET", path),
            gateway
                .ask("GET", path)
                .header("authorization", &format!("Bearer {}", gateway.key())),
            gateway.ask("GET", path).header("x-api-key", gateway.key()),
            gateway
                .ask("GET", path)
                .header("cookie", &format!("privet_session={}", "0".repeat(52))),
        ] {
            let reply = ask.send().await;
            assert_eq!(location(&reply), format!("/console/sign-in?next={encoded}"));
            assert_eq!(reply.text(), "");
            assert_eq!(reply.header("cache-control"), Some("no-store"));
        }
        let part = gateway.ask("GET", path).header("hx-request", "true").send().await;
        assert_eq!((part.status, part.text().as_str()), (200, ""));
        // To the page that holds the part, and not to the part alone.
        let page = path.split('?').next().unwrap_or_default().replace('/', "%2F");
        assert_eq!(
            part.header("hx-redirect"),
            Some(format!("/console/sign-in?next={page}").as_str())
        );
    }
}

#[tokio::test]
async fn a_person_adds_an_app_signs_in_with_it_and_out_under_a_new_token_each_time() {
    let gateway = house().start().await;
    person(&gateway, "ann-admin", "admin").await;
    let reply = enter(&gateway, "ann-admin").await;
    assert_eq!(location(&reply), "/console/enrol");
    let first = Tab::of(&reply);
    // Nothing else is shown before.
    assert_eq!(
        location(&first.get(&gateway, "/console").await),
        "/console/enrol?next=%2Fconsole"
    );
    let token = first.token(&gateway, "/console/enrol").await;
    let begun = first
        .post(&gateway, "/console/enrol/totp", &[("csrf_token", &token)])
        .send()
        .await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    assert!(begun.text().contains("<svg xmlns"), "{}", begun.text());
    let secret = secret(&begun);
    let wrong = code(&secret, &gateway, 7);
    let refused = first
        .post(
            &gateway,
            "/console/enrol/confirm",
            &[("csrf_token", &token), ("code", &wrong)],
        )
        .send()
        .await;
    assert_eq!(refused.status, 403);
    let right = code(&secret, &gateway, 0);
    let done = first
        .post(
            &gateway,
            "/console/enrol/confirm",
            &[("csrf_token", &token), ("code", &right)],
        )
        .send()
        .await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.text().matches("<li><code>").count(), 10);
    let second = Tab::of(&done);
    assert_ne!(first.cookie, second.cookie);
    assert!(location(&first.get(&gateway, "/console").await).starts_with("/console/sign-in"));
    assert_eq!(second.get(&gateway, "/console").await.status, 200);

    // Once more, with the app.
    let token = second.token(&gateway, "/console").await;
    let out = second
        .post(&gateway, "/console/sign-out", &[("csrf_token", &token)])
        .send()
        .await;
    assert_eq!(location(&out), "/console/sign-in");
    assert!(out.header("set-cookie").unwrap().starts_with("privet_session=;"));
    assert!(location(&second.get(&gateway, "/console").await).starts_with("/console/sign-in"));
    let fields = [
        ("name", "ann-admin"),
        ("password", PASSWORD),
        ("next", "/console/decisions?minutes=15"),
    ];
    let reply = post(&gateway, "/console/sign-in", &fields).send().await;
    let way = location(&reply).to_owned();
    assert_eq!(
        way,
        "/console/second-factor?next=%2Fconsole%2Fdecisions%3Fminutes%3D15"
    );
    let third = Tab::of(&reply);
    let token = third.token(&gateway, &way).await;
    let fields = |code: &str| {
        [
            ("csrf_token", token.clone()),
            ("next", "/console/decisions?minutes=15".to_owned()),
            ("code", code.to_owned()),
        ]
    };
    let show = async |code: &str| {
        let fields = fields(code);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        third
            .post(&gateway, "/console/second-factor", &fields)
            .send()
            .await
    };
    assert_eq!(show("000000").await.status, 403);
    assert_eq!(show(&right).await.status, 403, "a code counts once");
    let done = show(&code(&secret, &gateway, 1)).await;
    assert_eq!(location(&done), "/console/decisions?minutes=15");
    let fourth = Tab::of(&done);
    assert_ne!(third.cookie, fourth.cookie);
    assert_eq!(fourth.get(&gateway, "/console").await.status, 200);
    assert!(location(&third.get(&gateway, "/console").await).starts_with("/console/sign-in"));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike_and_what_was_typed_is_no_html() {
    let gateway = house().start().await;
    person(&gateway, "ann-user", "user").await;
    let try_in = async |name: &str, password: &str| {
        let fields = [("name", name), ("password", password), ("tenant", "\"><i>")];
        let with_tenant = post(&gateway, "/console/sign-in", &fields).send().await;
        assert!(!with_tenant.text().contains("<i>"), "{}", with_tenant.text());
        post(&gateway, "/console/sign-in", &fields[..2]).send().await
    };
    let mut seen = Vec::new();
    for (name, password) in [("ann-user", "wrong horse battery"), ("nobody-here", PASSWORD)] {
        let reply = try_in(name, password).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (401, None));
        assert!(!reply.text().contains(password), "{}", reply.text());
        seen.push(reply.text().replace(name, ""));
    }
    assert_eq!(seen[0], seen[1]);
    let reply = try_in("\"><script>alert(1)</script>", PASSWORD).await;
    assert!(!reply.text().contains("<script>alert"), "{}", reply.text());
    assert!(
        reply.text().contains("&#60;script&#62;alert(1)"),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn another_sites_page_can_send_no_form() {
    let gateway = house().policy(BY_PASSWORD).start().await;
    let tab = signed_in(&gateway, "ann-user", "user").await;
    let other = signed_in(&gateway, "bob-user", "user").await;
    let token = tab.token(&gateway, "/console").await;
    let others = other.token(&gateway, "/console").await;
    assert_ne!(token, others);
    let fields = [("csrf_token", token.as_str()), ("text", "hello")];
    let good = || tab.post(&gateway, "/console/try", &fields);
    let with = |token: &str| {
        tab.post(
            &gateway,
            "/console/try",
            &[("csrf_token", token), ("text", "hello")],
        )
    };
    let twice = [fields[0], fields[0], fields[1]];
    for (number, ask) in [
        good().without("origin").without("sec-fetch-site"),
        good().without("origin").header("origin", "https://evil.example"),
        good().without("origin").header("origin", "null"),
        good()
            .without("sec-fetch-site")
            .header("sec-fetch-site", "cross-site"),
        good()
            .without("sec-fetch-site")
            .header("sec-fetch-site", "same-site"),
        with(""),
        with(&others),
        with(&"0".repeat(64)),
        tab.post(&gateway, "/console/try", &twice),
        // The header of programs does not stand in for the field.
        with("").header("x-privet-csrf", &token),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = ask.send().await;
        assert_eq!(reply.status, 403, "{number}: {}", reply.text());
        assert!(!reply.text().contains("You wrote"), "{number}");
    }
    assert!(good().send().await.text().contains("You wrote"));
    // Nor sign anybody in, or set a password.
    for path in ["/console/sign-in", "/console/invite"] {
        let fields = [("name", "ann-user"), ("password", PASSWORD)];
        for ask in [
            post(&gateway, path, &fields)
                .without("origin")
                .header("origin", "https://evil.example"),
            post(&gateway, path, &fields)
                .without("origin")
                .without("sec-fetch-site"),
        ] {
            let reply = ask.send().await;
            assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{path}");
        }
    }
    let json = tab
        .post(&gateway, "/console/try", &[])
        .without("content-type")
        .header("content-type", "application/json");
    assert_eq!(json.send().await.status, 415);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    let gateway = house().start().await;
    person(&gateway, "ann-user", "user").await;
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/v1/models",
        "/console/../v1/models",
        "javascript:alert(1)",
        "/console\r\nset-cookie: a=b",
    ] {
        let fields = [("name", "ann-user"), ("password", PASSWORD), ("next", next)];
        let reply = post(&gateway, "/console/sign-in", &fields).send().await;
        assert_eq!(location(&reply), "/console", "{next}");
        let tab = Tab::of(&reply);
        let encoded = super::form(&[("next", next)]);
        let page = tab.get(&gateway, &format!("/console/sign-in?{encoded}")).await;
        assert_eq!(location(&page), "/console", "{next}");
        let outside = gateway
            .ask("GET", &format!("/console/sign-in?{encoded}"))
            .send()
            .await;
        assert!(
            outside.text().contains("name=\"next\" value=\"/console\""),
            "{next}"
        );
    }
}

#[tokio::test]
async fn an_invite_is_good_once_and_two_passwords_must_be_one() {
    let gateway = house().start().await;
    person(&gateway, "ann-user", "user").await;
    let day = std::time::Duration::from_secs(86_400);
    let name = "ann-user".parse().unwrap();
    let invite = gateway.enrolment("default").invite(&name, day).await.unwrap();
    let code = invite.code.expose().as_str();
    let set = async |password: &str, again: &str| {
        let fields = [("code", code), ("password", password), ("again", again)];
        post(&gateway, "/console/invite", &fields).send().await
    };
    let differ = set("another horse battery", "another horse batter").await;
    assert!(differ.text().contains("differ"), "{}", differ.text());
    assert_eq!(set("short", "short").await.status, 422);
    let done = set("another horse battery", "another horse battery").await;
    assert_eq!(location(&done), "/console/sign-in?done=invite");
    assert_eq!(
        set("third horse battery", "third horse battery").await.status,
        410
    );
    assert_eq!(enter(&gateway, "ann-user").await.status, 401);
}

#[tokio::test]
async fn a_token_belongs_to_one_session() {
    let gateway = house().start().await;
    person(&gateway, "ann-user", "user").await;
    let (one, two) = (
        Tab::of(&enter(&gateway, "ann-user").await),
        Tab::of(&enter(&gateway, "ann-user").await),
    );
    assert_ne!(one.cookie, two.cookie);
    let token = token_in(&one.get(&gateway, "/console").await.text());
    let out = two.post(&gateway, "/console/sign-out", &[("csrf_token", &token)]);
    assert_eq!(out.send().await.status, 403);
    assert_eq!(two.get(&gateway, "/console").await.status, 200);
}
