//! Personal data in segments: which analyser reads which text, and how bad a kind is.

use std::ops::Range;
use std::sync::Arc;

use privet_pii::{Analyzer, Config, EntityAction};
use privet_types::{Budget, Entity};

use crate::Severity;

/// How sure a finding is at least if the settings say nothing. Forms that many things have score below, unless a word beside them
/// says what they are.
pub(super) const MIN_SCORE: f64 = 0.5;

/// Kinds that describe many people or none, or that another detector looks for.
const PASSED_OVER: &[Entity] = &[
    Entity::AGE,
    Entity::API_KEY,
    Entity::CARD_EXPIRY,
    Entity::DATE_TIME,
    Entity::DE_HANDELSREGISTER,
    Entity::DE_PLZ,
    Entity::LOCATION,
    Entity::NRP,
    Entity::ORGANIZATION,
    Entity::PASSWORD,
    Entity::PIN,
    Entity::PRIVATE_KEY,
    Entity::SE_ORGANISATIONSNUMMER,
    Entity::SURROGATE,
    Entity::TITLE,
    Entity::UK_POSTCODE,
    Entity::URL,
    Entity::URL_CREDENTIALS,
    Entity::UUID,
    Entity::ZIP_CODE,
];

/// Kinds that point at somebody only together with others.
const LOW: &[Entity] = &[
    Entity::ABA_ROUTING_NUMBER,
    Entity::AU_ABN,
    Entity::AU_ACN,
    Entity::BR_CNPJ,
    Entity::CRYPTO,
    Entity::DE_VAT_ID,
    Entity::IN_GSTIN,
    Entity::IP_ADDRESS,
    Entity::IT_VAT_CODE,
    Entity::KR_BRN,
    Entity::MAC_ADDRESS,
    Entity::SG_UEN,
    Entity::SWIFT_CODE,
    Entity::USERNAME,
    Entity::VIN,
];

/// Kinds that name or reach somebody.
const MEDIUM: &[Entity] = &[
    Entity::DATE_OF_BIRTH,
    Entity::DE_KFZ,
    Entity::EMAIL_ADDRESS,
    Entity::IN_VEHICLE_REGISTRATION,
    Entity::NG_VEHICLE_REGISTRATION,
    Entity::PERSON,
    Entity::PHONE_NUMBER,
    Entity::PH_MOBILE_NUMBER,
    Entity::STREET_ADDRESS,
    Entity::TERM,
    Entity::TR_LICENSE_PLATE,
    Entity::TR_PHONE_NUMBER,
    Entity::UK_VEHICLE_REGISTRATION,
];

/// Kinds that are looked for in program code, where names and numbers mean other things: those of [`LOW`] and [`MEDIUM`] are not, but
/// for these.
const IN_CODE: &[Entity] = &[Entity::EMAIL_ADDRESS];

/// Hosts of mail addresses that are nobody's (RFC 2606, RFC 6761), or a machine's.
const NOBODYS: &[&str] = &[
    "example.com",
    "example.net",
    "example.org",
    "users.noreply.github.com",
    "localhost",
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "python.org",
    "googlegroups.com",
];
const NOBODYS_ENDS: &[&str] = &[
    ".example",
    ".test",
    ".invalid",
    ".localhost",
    ".local",
    ".example.com",
];

/// Which kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// Sentences, and what a notebook shows: names are looked for by the network.
    Prose,
    /// Tables, logs, configuration: by rules.
    Data,
    /// Program code: by rules, and surer kinds only.
    Code,
}

/// Finds personal data.
#[derive(Debug, Clone)]
pub(super) struct Personal {
    prose: Arc<Analyzer>,
    plain: Arc<Analyzer>,
    /// Kinds that are looked for; all that matter if none is named.
    wanted: Vec<Entity>,
    min_score: f32,
}

/// Something found.
pub(super) struct Private {
    pub(super) entity: Entity,
    pub(super) span: Range<usize>,
    pub(super) severity: Severity,
}

impl Personal {
    pub(super) fn new(wanted: Vec<Entity>, min_score: f64) -> Result<Self, privet_pii::Error> {
        let mut config = Config {
            threshold: min_score,
            ..Config::default()
        };
        if wanted.is_empty() {
            config
                .entities
                .extend(PASSED_OVER.iter().map(|entity| (*entity, EntityAction::Allow)));
        } else {
            config.default_action = EntityAction::Allow;
            config.broad_action = EntityAction::Allow;
            config
                .entities
                .extend(wanted.iter().map(|entity| (*entity, EntityAction::Mask)));
        }
        let prose = Arc::new(Analyzer::new(&config)?);
        config.network = false;
        let plain = Arc::new(Analyzer::new(&config)?);
        Ok(Self {
            prose,
            plain,
            wanted,
            min_score: min_score as f32,
        })
    }

    /// Personal data in `text`, by place.
    pub(super) fn find(
        &self,
        text: &str,
        setting: Setting,
        budget: &Budget,
    ) -> Result<Vec<Private>, privet_pii::Error> {
        let analyzer = if setting == Setting::Prose {
            &self.prose
        } else {
            &self.plain
        };
        let found = analyzer.analyze(text, None, budget)?;
        Ok(found
            .into_iter()
            .filter(|finding| finding.score >= self.min_score)
            .filter(|finding| self.is_wanted(finding.entity, setting))
            .filter_map(|finding| {
                let span = finding.span.start..finding.span.end;
                let value = text.get(span.clone()).unwrap_or_default();
                let severity = severity(finding.entity, value, setting)?;
                Some(Private {
                    entity: finding.entity,
                    span,
                    severity,
                })
            })
            .collect())
    }

    fn is_wanted(&self, entity: Entity, setting: Setting) -> bool {
        if !self.wanted.is_empty() {
            return self.wanted.contains(&entity);
        }
        let is_vague = LOW.contains(&entity) || MEDIUM.contains(&entity);
        !PASSED_OVER.contains(&entity) && (setting != Setting::Code || !is_vague || IN_CODE.contains(&entity))
    }
}

/// How bad it is; none for what is nobody's.
fn severity(entity: Entity, value: &str, setting: Setting) -> Option<Severity> {
    if entity == Entity::EMAIL_ADDRESS && is_nobodys(value) {
        return None;
    }
    if entity == Entity::IP_ADDRESS && !is_public(value) {
        return None;
    }
    if setting == Setting::Code && entity == Entity::EMAIL_ADDRESS {
        // Authors sign their code.
        return Some(Severity::Low);
    }
    Some(match entity {
        entity if LOW.contains(&entity) => Severity::Low,
        entity if MEDIUM.contains(&entity) => Severity::Medium,
        _ => Severity::High,
    })
}

fn is_nobodys(address: &str) -> bool {
    let Some((user, host)) = address.rsplit_once('@') else {
        return false;
    };
    let (user, host) = (user.to_ascii_lowercase(), host.to_ascii_lowercase());
    let is_machine = [
        "noreply",
        "no-reply",
        "donotreply",
        "git",
        "postmaster",
        "mailer-daemon",
    ];
    is_machine.contains(&user.as_str())
        || NOBODYS.contains(&host.as_str())
        || NOBODYS_ENDS.iter().any(|end| host.ends_with(end))
}

/// Whether an address on the internet is somebody's.
fn is_public(address: &str) -> bool {
    use std::net::{IpAddr, Ipv4Addr};
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            let octets = v4.octets();
            // A version number looks like one.
            let is_small = octets.iter().all(|octet| *octet < 32);
            let is_resolver = [
                Ipv4Addr::new(8, 8, 8, 8),
                Ipv4Addr::new(8, 8, 4, 4),
                Ipv4Addr::new(1, 1, 1, 1),
            ];
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || is_small
                || is_resolver.contains(&v4))
        }
        Ok(IpAddr::V6(v6)) => {
            let [first, second, ..] = v6.segments();
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || (first, second) == (0x2001, 0x0db8))
        }
        // A net.
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, setting: Setting) -> Vec<(Entity, Severity)> {
        let personal = Personal::new(Vec::new(), MIN_SCORE).unwrap();
        let found = personal.find(text, setting, &Budget::unlimited()).unwrap();
        found.into_iter().map(|it| (it.entity, it.severity)).collect()
    }

    #[test]
    fn addresses_of_nobody_are_not_told() {
        let text = "ada@example.com, noreply@brightwater-harbour.org, 10.0.0.1, 127.0.0.1, version 1.2.3.4";
        assert_eq!(kinds(text, Setting::Data), []);
        let text = "mail maria.lopez@brightwater-harbour.org from 203.0.114.77";
        assert_eq!(
            kinds(text, Setting::Data),
            [
                (Entity::EMAIL_ADDRESS, Severity::Medium),
                (Entity::IP_ADDRESS, Severity::Low)
            ]
        );
        assert_eq!(
            kinds(text, Setting::Code),
            [(Entity::EMAIL_ADDRESS, Severity::Low)]
        );
    }

    #[test]
    fn numbers_with_a_check_digit_are_high_everywhere() {
        let text = "card = \"4111 1111 1111 1111\"";
        for setting in [Setting::Prose, Setting::Data, Setting::Code] {
            assert_eq!(kinds(text, setting), [(Entity::CREDIT_CARD, Severity::High)]);
        }
    }

    #[test]
    fn only_what_is_named_is_looked_for() {
        let personal = Personal::new(vec![Entity::IBAN_CODE], MIN_SCORE).unwrap();
        let text = "maria.lopez@brightwater-harbour.org, DE89 3704 0044 0532 0130 00";
        let found = personal.find(text, Setting::Data, &Budget::unlimited()).unwrap();
        assert_eq!(
            found.iter().map(|it| it.entity).collect::<Vec<_>>(),
            [Entity::IBAN_CODE]
        );
    }
}
