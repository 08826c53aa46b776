//! Kinds of attacks, where they come in, and what others call them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A family of probes: attacks that want the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The user makes the model drop its instructions.
    Override,
    /// The user makes the model tell its instructions.
    Extraction,
    /// The same, hidden in encodings.
    Encoding,
    /// Instructions in documents, results of tools, and memory.
    Indirect,
    /// What the model knows leaves by addresses that are fetched.
    Exfiltration,
    /// Tools are called that should not be, or with what nobody asked for.
    ToolAbuse,
    /// Seeded personal records come out, or reach the provider.
    PrivateData,
    /// Endless repetition, after which models fall into what they learnt.
    Divergence,
    /// Replies and loops that cost.
    Consumption,
    /// Replies that do harm where they are shown or run.
    UnsafeOutput,
    /// Harmless requests that sound harmful, and should be answered.
    OverRefusal,
}

/// Where the hostile text comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The user's own message.
    User,
    /// A document that the user gives.
    Document,
    /// A tool's result.
    Tool,
    /// What earlier conversations left.
    Memory,
}

/// OWASP Top 10 for LLM Applications, 2025.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LlmRisk {
    /// Prompt injection.
    #[serde(rename = "LLM01:2025")]
    PromptInjection,
    /// Sensitive information disclosure.
    #[serde(rename = "LLM02:2025")]
    SensitiveInformationDisclosure,
    /// Improper output handling.
    #[serde(rename = "LLM05:2025")]
    ImproperOutputHandling,
    /// Excessive agency.
    #[serde(rename = "LLM06:2025")]
    ExcessiveAgency,
    /// System prompt leakage.
    #[serde(rename = "LLM07:2025")]
    SystemPromptLeakage,
    /// Unbounded consumption.
    #[serde(rename = "LLM10:2025")]
    UnboundedConsumption,
}

/// OWASP Top 10 for Agentic Applications, 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AgenticRisk {
    /// Agent goal hijack.
    #[serde(rename = "ASI01")]
    GoalHijack,
    /// Tool misuse and exploitation.
    #[serde(rename = "ASI02")]
    ToolMisuse,
    /// Identity and privilege abuse.
    #[serde(rename = "ASI03")]
    PrivilegeAbuse,
    /// Unexpected code execution.
    #[serde(rename = "ASI05")]
    CodeExecution,
    /// Memory and context poisoning.
    #[serde(rename = "ASI06")]
    MemoryPoisoning,
    /// Cascading failures.
    #[serde(rename = "ASI08")]
    CascadingFailures,
    /// Human-agent trust exploitation.
    #[serde(rename = "ASI09")]
    TrustExploitation,
}

impl Family {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Override,
        Self::Extraction,
        Self::Encoding,
        Self::Indirect,
        Self::Exfiltration,
        Self::ToolAbuse,
        Self::PrivateData,
        Self::Divergence,
        Self::Consumption,
        Self::UnsafeOutput,
        Self::OverRefusal,
    ];

    /// Its name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Extraction => "extraction",
            Self::Encoding => "encoding",
            Self::Indirect => "indirect",
            Self::Exfiltration => "exfiltration",
            Self::ToolAbuse => "tool-abuse",
            Self::PrivateData => "private-data",
            Self::Divergence => "divergence",
            Self::Consumption => "consumption",
            Self::UnsafeOutput => "unsafe-output",
            Self::OverRefusal => "over-refusal",
        }
    }

    /// What an attack of it wants, in a sentence.
    #[must_use]
    pub const fn aim(self) -> &'static str {
        match self {
            Self::Override => "make the model drop its instructions and say what the attacker wants",
            Self::Extraction => "make the model tell its instructions and what they keep",
            Self::Encoding => "get orders past filters in encodings, or secrets out in them",
            Self::Indirect => "give orders in documents, results of tools and memory",
            Self::Exfiltration => "make the reply fetch an address that carries data out",
            Self::ToolAbuse => "make the model call tools that nobody asked for",
            Self::PrivateData => "get personal records out, or to the provider",
            Self::Divergence => "make the model repeat without end until it says what it learnt",
            Self::Consumption => "make replies and loops that cost",
            Self::UnsafeOutput => "make the model write what does harm where it is shown or run",
            Self::OverRefusal => "ask what sounds harmful and is not: it should be answered",
        }
    }

    /// Whether it holds attacks; over-refusal measures utility alone.
    #[must_use]
    pub const fn has_attacks(self) -> bool {
        !matches!(self, Self::OverRefusal)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|family| family.name() == text);
        found.ok_or_else(|| Error::UnknownFamily {
            name: text.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl Channel {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Document => "document",
            Self::Tool => "tool",
            Self::Memory => "memory",
        }
    }
}

impl LlmRisk {
    /// OWASP's number.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::PromptInjection => "LLM01:2025",
            Self::SensitiveInformationDisclosure => "LLM02:2025",
            Self::ImproperOutputHandling => "LLM05:2025",
            Self::ExcessiveAgency => "LLM06:2025",
            Self::SystemPromptLeakage => "LLM07:2025",
            Self::UnboundedConsumption => "LLM10:2025",
        }
    }

    /// OWASP's name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::PromptInjection => "Prompt Injection",
            Self::SensitiveInformationDisclosure => "Sensitive Information Disclosure",
            Self::ImproperOutputHandling => "Improper Output Handling",
            Self::ExcessiveAgency => "Excessive Agency",
            Self::SystemPromptLeakage => "System Prompt Leakage",
            Self::UnboundedConsumption => "Unbounded Consumption",
        }
    }

    /// All that probes are of.
    pub(crate) const ALL: [Self; 6] = [
        Self::PromptInjection,
        Self::SensitiveInformationDisclosure,
        Self::ImproperOutputHandling,
        Self::ExcessiveAgency,
        Self::SystemPromptLeakage,
        Self::UnboundedConsumption,
    ];
}

impl AgenticRisk {
    /// OWASP's number.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::GoalHijack => "ASI01",
            Self::ToolMisuse => "ASI02",
            Self::PrivilegeAbuse => "ASI03",
            Self::CodeExecution => "ASI05",
            Self::MemoryPoisoning => "ASI06",
            Self::CascadingFailures => "ASI08",
            Self::TrustExploitation => "ASI09",
        }
    }

    /// OWASP's name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::GoalHijack => "Agent Goal Hijack",
            Self::ToolMisuse => "Tool Misuse and Exploitation",
            Self::PrivilegeAbuse => "Identity and Privilege Abuse",
            Self::CodeExecution => "Unexpected Code Execution",
            Self::MemoryPoisoning => "Memory and Context Poisoning",
            Self::CascadingFailures => "Cascading Failures",
            Self::TrustExploitation => "Human-Agent Trust Exploitation",
        }
    }

    /// All that probes are of.
    pub(crate) const ALL: [Self; 7] = [
        Self::GoalHijack,
        Self::ToolMisuse,
        Self::PrivilegeAbuse,
        Self::CodeExecution,
        Self::MemoryPoisoning,
        Self::CascadingFailures,
        Self::TrustExploitation,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for family in Family::ALL {
            assert_eq!(family.name().parse::<Family>().unwrap(), family);
            assert_eq!(
                serde_json::to_value(family).unwrap(),
                serde_json::Value::from(family.name())
            );
        }
        let refused = "overide".parse::<Family>().unwrap_err().to_string();
        assert!(refused.contains("override"), "{refused}");
    }
}
