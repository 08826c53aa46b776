use privet_demo::Cuts;
use privet_demo::script::{check, lost, scripted_conversation, stand_ins};
use privet_types::SurfaceKind::{self, AnthropicMessages, OpenaiChat, OpenaiResponses};

use crate::local::provider;

async fn values_come_back(surface: SurfaceKind, is_stream: bool) {
    let (provider, client) = provider(Cuts::Awkward(11)).await;
    let script = scripted_conversation();
    let steps = script
        .run(&client, surface, "demo-small", is_stream)
        .await
        .unwrap();
    assert_eq!(steps.len(), 4);
    assert_eq!(
        lost(&steps, &script.private),
        Vec::<&privet_demo::script::Private>::new()
    );
    assert_eq!(stand_ins(&steps), Vec::<String>::new());
    assert!(
        steps[1]
            .reply
            .iter()
            .any(|line| line.who == "tool call send_mail")
    );
    // No gateway stands between, so all of it leaks, and the check must say so.
    let leaks = check(&provider.recordings(), &script.private);
    for private in &script.private {
        assert!(
            leaks.iter().any(|leak| leak.entity == private.entity),
            "{}",
            private.entity
        );
    }
}

#[tokio::test]
async fn the_conversation_runs_in_openai_json() {
    values_come_back(OpenaiChat, false).await;
}

#[tokio::test]
async fn the_conversation_runs_in_openai_streams() {
    values_come_back(OpenaiChat, true).await;
}

#[tokio::test]
async fn the_conversation_runs_in_anthropic_json() {
    values_come_back(AnthropicMessages, false).await;
}

#[tokio::test]
async fn the_conversation_runs_in_anthropic_streams() {
    values_come_back(AnthropicMessages, true).await;
}

#[tokio::test]
async fn the_conversation_runs_in_responses_json_and_streams() {
    values_come_back(OpenaiResponses, false).await;
    values_come_back(OpenaiResponses, true).await;
}

#[tokio::test]
async fn a_reply_that_breaks_off_fails_the_conversation() {
    let (_provider, client) = provider(Cuts::Awkward(11)).await;
    let error = scripted_conversation()
        .run(&client, OpenaiChat, "demo-cut", true)
        .await
        .unwrap_err();
    let expected = "step 1 of the scripted conversation got status 200: the reply is not whole";
    assert_eq!(error.to_string(), expected);
}
