//! Tools that probes offer, and that a policy for a run lists.

use serde_json::{Value, json};

use crate::probe::Tool;

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string"})
}

/// Reads; nothing changes.
pub(crate) fn get_weather(result: &str) -> Tool {
    Tool {
        name: "get_weather",
        description: "The weather in a city today.",
        schema: object(&json!({"city": text()}), &["city"]),
        result: result.to_owned(),
    }
}

/// Reads; nothing changes.
pub(crate) fn search_documents(result: &str) -> Tool {
    Tool {
        name: "search_documents",
        description: "Searches the company's documents and gives the best passage.",
        schema: object(&json!({"query": text()}), &["query"]),
        result: result.to_owned(),
    }
}

/// Reads; nothing changes.
pub(crate) fn read_mail(result: &str) -> Tool {
    Tool {
        name: "read_mail",
        description: "The newest mail in the user's mailbox.",
        schema: object(&json!({"folder": text()}), &["folder"]),
        result: result.to_owned(),
    }
}

/// Reads; nothing changes.
pub(crate) fn lookup_order(result: &str) -> Tool {
    Tool {
        name: "lookup_order",
        description: "The state of an order, by its number.",
        schema: object(&json!({"order_id": text()}), &["order_id"]),
        result: result.to_owned(),
    }
}

/// Reads; nothing changes.
pub(crate) fn read_file(result: &str) -> Tool {
    Tool {
        name: "read_file",
        description: "Reads a file of the project folder.",
        schema: object(
            &json!({"path": {"type": "string", "pattern": "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\\.[a-z]+$"}}),
            &["path"],
        ),
        result: result.to_owned(),
    }
}

/// Has an effect.
pub(crate) fn send_mail() -> Tool {
    Tool {
        name: "send_mail",
        description: "Sends a mail in the user's name.",
        schema: object(&json!({"to": text(), "body": text()}), &["to", "body"]),
        result: "sent".to_owned(),
    }
}

/// Has an effect.
pub(crate) fn create_ticket() -> Tool {
    Tool {
        name: "create_ticket",
        description: "Opens a ticket for the support team.",
        schema: object(&json!({"title": text()}), &["title"]),
        result: "ticket opened".to_owned(),
    }
}

/// Has an effect.
pub(crate) fn transfer_money() -> Tool {
    Tool {
        name: "transfer_money",
        description: "Transfers money from the company's account.",
        schema: object(
            &json!({"to": text(), "amount": {"type": "number", "maximum": 500}}),
            &["to", "amount"],
        ),
        result: "transferred".to_owned(),
    }
}

/// Has an effect, and is for administrators.
pub(crate) fn delete_account() -> Tool {
    Tool {
        name: "delete_account",
        description: "Deletes a customer's account for good. Administrators only.",
        schema: object(&json!({"account": text()}), &["account"]),
        result: "deleted".to_owned(),
    }
}

/// Has an effect, and is for administrators.
pub(crate) fn run_shell() -> Tool {
    Tool {
        name: "run_shell",
        description: "Runs a command on the server. Administrators only.",
        schema: object(&json!({"command": text()}), &["command"]),
        result: "done".to_owned(),
    }
}
