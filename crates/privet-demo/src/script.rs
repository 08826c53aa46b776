//! A fixed conversation full of private values, to see whether any gets out and all come back.

mod check;
mod dialogue;

use bytes::Bytes;
use privet_types::{Entity, SurfaceKind};
use serde_json::{Value, json};

pub use check::{Form, Leak, Private, check, lost, stand_ins};

use crate::client::Client;
use crate::columns::{Line, extract};
use crate::error::Error;
use dialogue::Dialogue;

/// A conversation of three turns of the user, the second of which leads to a tool call. All values in it are publicly known
/// test values.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The operator's instructions.
    pub system: String,
    /// What the user writes.
    pub user: [String; 3],
    /// The JSON Schema of the arguments of the tool `send_mail`.
    pub tool_schema: Value,
    /// What the tool returns.
    pub tool_result: String,
    /// Every private value in the conversation.
    pub private: Vec<Private>,
}

/// One request of the conversation and its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The request body.
    pub sent: Bytes,
    /// The reply body: JSON, or server-sent events.
    pub received: Bytes,
    /// The texts and tool calls in the reply.
    pub reply: Vec<Line>,
}

/// The conversation: always the same.
#[must_use]
pub fn scripted_conversation() -> Script {
    let email = "joerg.mueller@example.com";
    let card = "4111 1111 1111 1111";
    let iban = "DE89 3704 0044 0532 0130 00";
    let phone = "+1 202-555-0143";
    let ssn = "078-05-1120";
    let birthday = "1984-03-12";
    let address = "198.51.100.23";
    let billing = "billing@example.com";
    let support = "support@example.org";
    // In two parts, so that scanners of repositories do not take it for a real one.
    let key = ["sk-proj-", "Zq3vN8kT1xWb7Rj5Ld2Pf9Hs6Mc4Yg0Ae"].concat();
    let private = [
        (Entity::EMAIL_ADDRESS, email),
        (Entity::CREDIT_CARD, card),
        (Entity::IBAN_CODE, iban),
        (Entity::PHONE_NUMBER, phone),
        (Entity::US_SSN, ssn),
        (Entity::DATE_OF_BIRTH, birthday),
        (Entity::IP_ADDRESS, address),
        (Entity::EMAIL_ADDRESS, billing),
        (Entity::EMAIL_ADDRESS, support),
        (Entity::API_KEY, &key),
    ];
    Script {
        system: format!("You help the customers of Example Ltd. If you are stuck, write to {support}."),
        user: [
            format!(
                "Grüße aus Köln 👋 (日本語も少し). My e-mail is {email}, my phone number is {phone}. My date of birth is \
                 {birthday}, my social security number (SSN) is {ssn}. I pay with the card {card} or from the account \
                 IBAN {iban}. My server is at IP address {address}; its API key is {key}."
            ),
            format!("Please call send_mail: send my card number {card} to {billing}, and a copy to {email}."),
            format!("Thank you! Did you also tell {billing} that my account is {iban}? – „Ja“ oder „Nein“?"),
        ],
        tool_schema: json!({
            "type": "object",
            "properties": {
                "to": {"type": "string", "description": "The address"},
                "card": {"type": "string", "description": "The card number"},
                "body": {"type": "string", "description": "The text"},
            },
            "required": ["card", "to", "body"],
        }),
        tool_result: format!("Sent to {billing} ✅ (card {card}, copy to {email})"),
        private: private
            .map(|(entity, value)| Private {
                entity,
                value: value.to_owned(),
            })
            .to_vec(),
    }
}

impl Script {
    /// Holds the conversation with `model` through `client`: four requests, as the tool's result is one of its own. The history
    /// of each is made of the replies before it.
    ///
    /// # Errors
    /// [`Error::Reply`] if a reply is an error, breaks off, or has no tool call where it should; else those of
    /// [`Client::post`].
    pub async fn run(
        &self,
        client: &Client,
        surface: SurfaceKind,
        model: &str,
        is_stream: bool,
    ) -> Result<Vec<Step>, Error> {
        let mut dialogue = Dialogue::new(surface, self);
        let mut steps = Vec::new();
        for user in &self.user {
            dialogue.user(user);
            let mut calls = self
                .ask(client, surface, &mut dialogue, model, is_stream, &mut steps)
                .await?;
            if steps.len() == 2 {
                if calls.is_empty() {
                    return Err(Error::Reply {
                        step: 2,
                        status: 200,
                        message: "no tool call".to_owned(),
                    });
                }
                dialogue.tool_results(&std::mem::take(&mut calls), &self.tool_result);
                calls = self
                    .ask(client, surface, &mut dialogue, model, is_stream, &mut steps)
                    .await?;
            }
            if !calls.is_empty() {
                return Err(Error::Reply {
                    step: steps.len(),
                    status: 200,
                    message: "an unasked tool call".to_owned(),
                });
            }
        }
        Ok(steps)
    }

    /// Sends the dialogue, adds the reply to it and to `steps`, and returns the ids of the tool calls in it.
    async fn ask(
        &self,
        client: &Client,
        surface: SurfaceKind,
        dialogue: &mut Dialogue,
        model: &str,
        is_stream: bool,
        steps: &mut Vec<Step>,
    ) -> Result<Vec<String>, Error> {
        let sent = Bytes::from(dialogue.request(self, model, is_stream).to_string());
        let received = client.post(dialogue.path(), sent.clone()).await?;
        let reply = extract(surface, &received.body);
        let step = steps.len() + 1;
        let failed = |message: String| Error::Reply {
            step,
            status: received.status,
            message,
        };
        if received.status != 200 {
            let message = reply.first().map(|line| line.text.clone());
            return Err(failed(message.unwrap_or_else(|| "no message".to_owned())));
        }
        let said = dialogue.read(&received.body).filter(|_| received.is_whole);
        let said = said.ok_or_else(|| failed("the reply is not whole".to_owned()))?;
        dialogue.assistant(said.message);
        steps.push(Step {
            sent,
            received: received.body,
            reply,
        });
        Ok(said.call_ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_private_value_is_in_the_conversation_and_seen_as_a_value() {
        let script = scripted_conversation();
        let all = [script.system, script.user.join("\n"), script.tool_result].join("\n");
        let seen = crate::values::values(&all);
        for private in script.private {
            assert!(seen.contains(&private.value), "{}: {seen:?}", private.entity);
        }
    }
}
