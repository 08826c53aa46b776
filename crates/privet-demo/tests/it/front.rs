use privet_demo::client::Client;
use privet_demo::{Cuts, Front};
use tokio::sync::mpsc::unbounded_channel;

use crate::local::provider;

#[tokio::test]
async fn an_exchange_is_passed_through_and_reported_byte_for_byte() {
    let (provider, _) = provider(Cuts::Awkward(1)).await;
    let (sender, mut exchanges) = unbounded_channel();
    let front = Front::start(0, provider.addr(), sender).await.unwrap();
    let client = Client::new(front.addr(), Some("k".to_owned().into()));
    let body =
        r#"{ "model":"demo-echo", "stream":true, "messages":[{"role":"user","content":"Grüße 日本"}] }"#;
    let reply = client.post("/v1/chat/completions?a=b", body).await.unwrap();
    let exchange = exchanges.recv().await.unwrap();
    assert_eq!(
        (exchange.path.as_str(), exchange.status, exchange.is_whole),
        ("/v1/chat/completions?a=b", 200, true)
    );
    assert_eq!(
        (exchange.sent.as_ref(), &exchange.received),
        (body.as_bytes(), &reply.body)
    );
    let seen = provider.recordings().remove(0);
    assert_eq!(seen.body, body);
    assert_eq!(seen.path, "/v1/chat/completions?a=b");
    assert!(
        seen.headers
            .contains(&("authorization".to_owned(), "Bearer k".to_owned()))
    );
    assert!(
        seen.headers
            .contains(&("host".to_owned(), front.addr().to_string()))
    );
    assert!(reply.frames.len() > 20, "not unbuffered: {}", reply.frames.len());
    front.stop().await;
}

#[tokio::test]
async fn a_reply_that_breaks_off_breaks_off_for_the_client_too() {
    let (provider, _) = provider(Cuts::Awkward(1)).await;
    let (sender, mut exchanges) = unbounded_channel();
    let front = Front::start(0, provider.addr(), sender).await.unwrap();
    let body =
        r#"{"model":"demo-cut","stream":true,"messages":[{"role":"user","content":"4111 1111 1111 1111"}]}"#;
    let reply = Client::new(front.addr(), None)
        .post("/v1/chat/completions", body)
        .await
        .unwrap();
    assert!(!reply.is_whole);
    let exchange = exchanges.recv().await.unwrap();
    assert_eq!((exchange.is_whole, &exchange.received), (false, &reply.body));
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_a_502() {
    let (provider, _) = provider(Cuts::Whole).await;
    let gone = provider.addr();
    provider.stop().await;
    let (sender, mut exchanges) = unbounded_channel();
    let front = Front::start(0, gone, sender).await.unwrap();
    let reply = Client::new(front.addr(), None)
        .get("/v1/models", &[])
        .await
        .unwrap();
    assert_eq!(reply.status, 502);
    assert_eq!(exchanges.recv().await.unwrap().status, 502);
}
