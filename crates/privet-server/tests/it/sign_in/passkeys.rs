//! Passkeys, by an authenticator in software.

use data_encoding::BASE64URL_NOPAD;
use privet_crypto::{SigningKey, random, sha256};
use privet_testkit::{Reply, TestGateway};
use serde_json::{Value, json};

use super::{Browser, ORIGIN, assert_code, code_of, enrolled, house, post, prove, sign_in};

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const MADE: u8 = 1 << 6;

/// What a device does, with all that can be wrong about it.
#[derive(Clone)]
pub(crate) struct Authenticator {
    key: std::sync::Arc<SigningKey>,
    credential: Vec<u8>,
    count: u32,
    flags: u8,
    host: String,
    origin: String,
    handle: Option<String>,
}

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

impl Authenticator {
    fn new() -> Self {
        Self {
            key: SigningKey::generate().unwrap().into(),
            credential: random::<20>().unwrap().to_vec(),
            count: 1,
            flags: PRESENT | VERIFIED,
            host: "localhost".to_owned(),
            origin: ORIGIN.to_owned(),
            handle: None,
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["publicKey"]["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = sha256(self.host.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    /// `navigator.credentials.create`.
    fn create(&mut self, options: &Value) -> Value {
        let mut data = self.data(self.flags | MADE);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend(&self.credential);
        // An Ed25519 key in COSE form.
        data.extend([0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
        data.extend(self.key.verifying_key().as_bytes());
        let mut object = vec![0xa3];
        object.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x58");
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        self.handle = options["publicKey"]["user"]["id"].as_str().map(str::to_owned);
        json!({
            "id": base64(&self.credential), "rawId": base64(&self.credential), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64(self.client_data("webauthn.create", options).as_bytes()),
                "attestationObject": base64(&object), "transports": ["internal"],
            },
        })
    }

    /// `navigator.credentials.get`.
    fn get(&mut self, options: &Value) -> Value {
        self.count += 1;
        let data = self.data(self.flags);
        let client = self.client_data("webauthn.get", options);
        let message = [data.as_slice(), &sha256(client.as_bytes())].concat();
        json!({
            "id": base64(&self.credential), "rawId": base64(&self.credential), "type": "public-key",
            "response": {
                "clientDataJSON": base64(client.as_bytes()), "authenticatorData": base64(&data),
                "signature": base64(&self.key.sign(&message)), "userHandle": self.handle,
            },
        })
    }
}

async fn options(gateway: &TestGateway, browser: &Browser, path: &str) -> Value {
    let reply = browser.send(gateway, "POST", path, &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn add(gateway: &TestGateway, browser: &Browser, device: &mut Authenticator) -> Reply {
    let options = options(gateway, browser, "/api/v1/me/passkeys/options").await;
    let body = json!({ "name": "my laptop", "credential": device.create(&options) });
    browser.send(gateway, "POST", "/api/v1/me/passkeys", &body).await
}

async fn sign_in_options(gateway: &TestGateway) -> Value {
    let reply = post(gateway, "/api/v1/sessions/passkey/options", &json!({}))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn sign_in_by(gateway: &TestGateway, credential: &Value) -> Reply {
    let body = json!({ "credential": credential });
    post(gateway, "/api/v1/sessions/passkey", &body).send().await
}

async fn show(gateway: &TestGateway, browser: &Browser, credential: &Value) -> Reply {
    let body = json!({ "credential": credential });
    browser
        .send(gateway, "POST", "/api/v1/me/proof/passkey", &body)
        .await
}

/// An administrator with a passkey.
pub(crate) async fn with_passkey(gateway: &TestGateway, name: &str) -> (Authenticator, Browser) {
    enrolled(gateway, name, "admin").await;
    let browser = sign_in(gateway, name).await;
    let mut device = Authenticator::new();
    let added = add(gateway, &browser, &mut device).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(added.json()["standing"], "full");
    assert_eq!(added.json()["recovery_codes"].as_array().unwrap().len(), 10);
    (device, Browser::of(&added))
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_and_alone_both() {
    let gateway = house().start().await;
    let (mut device, browser) = with_passkey(&gateway, "ann-admin").await;
    let listed = browser.get(&gateway, "/api/v1/me/passkeys").await.json();
    assert_eq!(listed["passkeys"][0]["name"], "my laptop");

    let second = sign_in(&gateway, "ann-admin").await;
    let me = second.get(&gateway, "/api/v1/me").await;
    assert_eq!(me.json()["standing"], "second_factor_needed");
    let asked = options(&gateway, &second, "/api/v1/me/proof/passkey/options").await;
    assert_eq!(
        asked["publicKey"]["allowCredentials"][0]["id"],
        base64(&device.credential)
    );
    device.flags = PRESENT;
    let shown = show(&gateway, &second, &device.get(&asked)).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(
        Browser::of(&shown).get(&gateway, "/api/v1/sessions").await.status,
        200
    );

    let asked = sign_in_options(&gateway).await;
    assert_eq!(asked["publicKey"]["allowCredentials"], json!([]));
    assert_eq!(asked["publicKey"]["rpId"], "localhost");
    let unverified = sign_in_by(&gateway, &device.get(&asked)).await;
    assert_code(&unverified, 401, "sign_in_refused");
    device.flags = PRESENT | VERIFIED;
    let asked = sign_in_options(&gateway).await;
    let alone = sign_in_by(&gateway, &device.get(&asked)).await;
    assert_eq!(alone.status, 201, "{}", alone.text());
    assert_eq!(alone.json()["session"]["way"], "passkey");
    let browser = Browser::of(&alone);
    let id = listed["passkeys"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/me/passkeys/{id}");
    let removed = browser.send(&gateway, "DELETE", &path, &json!({})).await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    let asked = sign_in_options(&gateway).await;
    assert_code(
        &sign_in_by(&gateway, &device.get(&asked)).await,
        401,
        "sign_in_refused",
    );
    let me = browser.get(&gateway, "/api/v1/me").await.json();
    assert_eq!(
        (me["has_passkey"].as_bool(), me["recovery_codes_left"].as_i64()),
        (Some(false), Some(0))
    );
}

#[tokio::test]
async fn what_was_signed_elsewhere_for_something_else_or_before_does_not_count() {
    let gateway = house().start().await;
    let (device, browser) = with_passkey(&gateway, "ann-admin").await;
    let (mut others, other) = with_passkey(&gateway, "bob-admin").await;
    let changed = |change: fn(&mut Authenticator)| {
        let mut device = device.clone();
        change(&mut device);
        device
    };
    let devices = [
        changed(|device| device.origin = "http://localhost:8788".to_owned()),
        changed(|device| device.origin = "https://evil.example".to_owned()),
        changed(|device| device.host = "evil.example".to_owned()),
        changed(|device| device.flags = VERIFIED),
        changed(|device| device.key = SigningKey::generate().unwrap().into()),
        changed(|device| device.credential = vec![7; 20]),
        changed(|device| device.handle = Some(base64(&[7; 32]))),
    ];
    for (number, mut device) in devices.into_iter().enumerate() {
        let asked = sign_in_options(&gateway).await;
        let reply = sign_in_by(&gateway, &device.get(&asked)).await;
        assert_eq!(
            (reply.status, code_of(&reply).as_str()),
            (401, "sign_in_refused"),
            "{number}"
        );
    }
    // Challenges of other purposes, of another session, made up, and old ones.
    let to_prove = options(&gateway, &browser, "/api/v1/me/proof/passkey/options").await;
    let to_add = options(&gateway, &browser, "/api/v1/me/passkeys/options").await;
    let of_other = options(&gateway, &other, "/api/v1/me/proof/passkey/options").await;
    let made_up = json!({ "publicKey": { "challenge": base64(&[7; 56]) } });
    let old = sign_in_options(&gateway).await;
    for asked in [&to_prove, &to_add, &made_up] {
        let reply = sign_in_by(&gateway, &device.clone().get(asked)).await;
        assert_code(&reply, 401, "sign_in_refused");
    }
    for asked in [&of_other, &to_add, &old] {
        let reply = show(&gateway, &browser, &device.clone().get(asked)).await;
        assert_code(&reply, 403, "wrong_proof");
    }
    let theirs = show(&gateway, &browser, &others.get(&to_prove)).await;
    assert_code(&theirs, 403, "wrong_proof");
    gateway.clock().advance(std::time::Duration::from_secs(300));
    assert_code(
        &sign_in_by(&gateway, &device.clone().get(&old)).await,
        401,
        "sign_in_refused",
    );

    // Once it counts, and once only, also of two at once.
    let asked = sign_in_options(&gateway).await;
    let signed = device.clone().get(&asked);
    let both = tokio::join!(sign_in_by(&gateway, &signed), sign_in_by(&gateway, &signed));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
}

#[tokio::test]
async fn a_copy_of_a_passkey_gives_itself_away_by_its_count() {
    let gateway = house().start().await;
    let (mut device, _) = with_passkey(&gateway, "ann-admin").await;
    let mut copy = device.clone();
    for _ in 0..2 {
        let asked = sign_in_options(&gateway).await;
        assert_eq!(sign_in_by(&gateway, &device.get(&asked)).await.status, 201);
    }
    let asked = sign_in_options(&gateway).await;
    assert_code(
        &sign_in_by(&gateway, &copy.get(&asked)).await,
        401,
        "sign_in_refused",
    );
    let asked = sign_in_options(&gateway).await;
    let own = sign_in_by(&gateway, &device.get(&asked)).await;
    assert_code(&own, 401, "sign_in_refused");
    let told = gateway
        .store()
        .tenant_events(&"default".parse().unwrap(), 0, Some("passkey_suspect"), 10)
        .await
        .unwrap();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_passkey_is_added_once_for_this_site_and_by_whoever_has_shown_who_it_is() {
    let gateway = house().start().await;
    let (mut device, browser) = with_passkey(&gateway, "ann-admin").await;
    enrolled(&gateway, "bob-admin", "admin").await;
    let bob = sign_in(&gateway, "bob-admin").await;
    assert_code(&add(&gateway, &bob, &mut device).await, 403, "wrong_proof");
    let mut elsewhere = Authenticator::new();
    elsewhere.host = "evil.example".to_owned();
    assert_code(&add(&gateway, &bob, &mut elsewhere).await, 403, "wrong_proof");
    let asked = options(&gateway, &browser, "/api/v1/me/passkeys/options").await;
    let mut fresh = Authenticator::new();
    let body = json!({ "name": "laptop", "credential": fresh.create(&asked) });
    let stolen = bob.send(&gateway, "POST", "/api/v1/me/passkeys", &body).await;
    assert_code(&stolen, 403, "wrong_proof");
    let body = json!({ "name": "<b>", "credential": fresh.create(&asked) });
    let named = browser.send(&gateway, "POST", "/api/v1/me/passkeys", &body).await;
    assert_code(&named, 422, "bad_name");
    for bad in ["", "oA", "x".repeat(4000).as_str()] {
        let mut credential = fresh.create(&asked);
        credential["response"]["attestationObject"] = json!(bad);
        let body = json!({ "name": "laptop", "credential": credential });
        let reply = browser.send(&gateway, "POST", "/api/v1/me/passkeys", &body).await;
        assert_code(&reply, 403, "wrong_proof");
    }
    // Whoever has only the password cannot add a second factor beside the one that is there.
    let thief = sign_in(&gateway, "ann-admin").await;
    let asked = thief
        .send(&gateway, "POST", "/api/v1/me/passkeys/options", &json!({}))
        .await;
    assert_code(&asked, 403, "second_factor_needed");
    gateway.clock().advance(std::time::Duration::from_secs(601));
    let asked = browser
        .send(&gateway, "POST", "/api/v1/me/passkeys/options", &json!({}))
        .await;
    assert_code(&asked, 403, "proof_needed");
    let lost = prove(&gateway, &browser, &json!({ "password": super::PASSWORD })).await;
    assert_eq!(lost.status, 200, "{}", lost.text());
}
