//! A house with something of every kind in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use privet_store::{LogCheck, Sequencer, log_signer};
use privet_types::{Clock, Secret};
use privet_vault::{
    CodeDelivery, CodeMessage, Connected, Connector, Consent, ConsentConfig, Delivered, ErasureReason,
    EventKind, Ground, Hold, LegalBasis, NewConversation, NewReplyMap, NewRequest, NewSession, NewShare,
    NewToken, Node, NodeKind, Purpose, Reach, RequestConfig, RequestKind, Requests, Retention, STORE_TARGETS,
    Shown, Statement, SubjectId, SubjectRef, TokenForm, Vault,
};
use serde_json::json;

use crate::support::{House, ann, record};

const ORDINARY: Ground = Ground::Ordinary;

/// What the house has, and the doors to it.
pub(crate) struct Furnished {
    pub(crate) vault: Vault,
    pub(crate) consent: Consent,
    pub(crate) retention: Retention,
    /// A subject with something of every kind.
    pub(crate) ada: SubjectId,
    /// A subject with a record alone.
    pub(crate) bo: SubjectId,
    /// A subject that was erased.
    pub(crate) gone: SubjectId,
    pub(crate) outside: Arc<Outside>,
}

/// An outside store that has as many things as are registered, until it loses them.
#[derive(Default)]
pub(crate) struct Outside(pub(crate) Mutex<bool>);

impl Connector for Outside {
    fn count<'a>(&'a self, _: &'a str, _: &'a SubjectId, nodes: &'a [String]) -> Connected<'a> {
        let count = if *self.0.lock().unwrap() {
            0
        } else {
            nodes.len() as u64
        };
        Box::pin(async move { Ok(count) })
    }

    fn erase<'a>(&'a self, _: &'a str, _: &'a SubjectId, _: &'a [String]) -> Connected<'a> {
        Box::pin(async move { Ok(0) })
    }
}

struct NoPost;

impl CodeDelivery for NoPost {
    fn deliver<'a>(&'a self, _: CodeMessage<'a>) -> Delivered<'a> {
        Box::pin(async { true })
    }
}

/// Puts something of every kind into `house`.
pub(crate) async fn furnish(house: &House) -> Furnished {
    let outside = Arc::new(Outside::default());
    let vault = house.vault.clone().with_connector("warehouse", outside.clone());
    let consent = Consent::new(
        house.store.database().clone(),
        Arc::new(vault.clone()),
        house.clock.clone(),
        ConsentConfig::default(),
    );
    let retention = Retention::new(
        house.store.database().clone(),
        Arc::new(vault.clone()),
        house.clock.clone(),
        STORE_TARGETS,
    );
    let ada = house
        .create(json!({"login": "ada", "email": "ada@mail.example", "city": "Ulm", "team": "blue"}))
        .await;
    let bo = house.create(json!({"login": "bo"})).await;
    let gone = house.create(json!({"login": "zilpha"})).await;
    let who = SubjectRef::Token(ada.clone());
    let furnished = Furnished {
        vault,
        consent,
        retention,
        ada,
        bo,
        gone,
        outside,
    };
    furnished.records(&who).await;
    furnished.sealed(&who).await;
    furnished.said(house, &who).await;
    let last = SubjectRef::Token(furnished.gone.clone());
    let erased = furnished
        .vault
        .forget(&ann(), &last, ErasureReason::Request)
        .await;
    erased.unwrap();
    furnished
        .vault
        .ask_bulk_read(&ann(), "quarterly audit")
        .await
        .unwrap();
    sequence(house).await;
    furnished
}

impl Furnished {
    async fn records(&self, who: &SubjectRef) {
        let vault = &self.vault;
        let change = json!({"city": "Ulmen"});
        vault.update(&ann(), who, &change, None, ORDINARY).await.unwrap();
        let data = record(json!({"cart": 3}));
        vault
            .put_app(&ann(), who, "shop", &data, None, ORDINARY)
            .await
            .unwrap();
        for subject in [Some(who.clone()), None] {
            let session = NewSession {
                name: None,
                subject,
                data: record(json!({"page": 1})),
                ttl: None,
            };
            vault.put_session(&ann(), session, ORDINARY).await.unwrap();
        }
        let share = NewShare {
            shown: Shown::Fields(vec!["city".to_owned()]),
            ttl: Duration::from_secs(600),
            most_reads: Some(3),
        };
        vault.share(&ann(), who, &share, ORDINARY).await.unwrap();
        for form in [TokenForm::Random, TokenForm::PreservingFormat] {
            let token = NewToken {
                kind: "card".to_owned(),
                value: Secret::new("4000123456789010".to_owned()),
                subject: Some(who.clone()),
                ttl: None,
                is_shared: true,
                form,
            };
            vault.create_token(&ann(), &token, ORDINARY).await.unwrap();
        }
    }

    async fn sealed(&self, who: &SubjectRef) {
        for subject in [Some(who.clone()), None] {
            let conversation = NewConversation {
                subject: subject.clone(),
                surface: "openai-chat".to_owned(),
                purpose: Some("support".to_owned()),
                model: "model-1".to_owned(),
                conversation: None,
                prompt: Secret::new("where is my parcel".to_owned()),
                reply: Secret::new("on its way".to_owned()),
            };
            let archived = self.vault.archive(&ann(), &conversation, ORDINARY).await.unwrap();
            assert!(archived.is_some());
            let map = NewReplyMap {
                reply: Secret::new(format!("reply-{}", subject.is_some())),
                subject,
                map: record(json!({"<PERSON_1>": "Ada"})),
                ttl: None,
            };
            self.vault.put_reply_map(&ann(), &map, ORDINARY).await.unwrap();
        }
        for (place, reach) in [("warehouse", Reach::Connector), ("paper", Reach::OutOfScope)] {
            let node = Node {
                kind: NodeKind::DatasetRows,
                place: place.to_owned(),
                node: "rows-7".to_owned(),
                reach,
                basis: String::new(),
            };
            self.vault.register_node(&ann(), who, &node).await.unwrap();
        }
    }

    async fn said(&self, house: &House, who: &SubjectRef) {
        for title in ["Support", "Support by people"] {
            let purpose = Purpose {
                title: title.to_owned(),
                ..crate::site::purpose("support", LegalBasis::Consent)
            };
            let recipient = crate::site::recipient();
            self.consent.define(&ann(), &recipient).await.unwrap();
            self.consent.define(&ann(), &purpose).await.unwrap();
        }
        let mut statement = Statement::new(EventKind::Given, &["support"], house.clock.now());
        statement.evidence.insert("form".to_owned(), "page 3".to_owned());
        let subject = self.ada.as_str();
        self.consent.record(&ann(), subject, &statement).await.unwrap();
        house.pass(1);
        let statement = Statement::new(EventKind::Withdrawn, &["support"], house.clock.now());
        self.consent.record(&ann(), subject, &statement).await.unwrap();
        for reference in ["case-7", "case-8"] {
            let hold = Hold {
                subject: Some(subject.to_owned()),
                category: None,
                until: None,
                reference: reference.to_owned(),
                why: "a lawsuit".to_owned(),
            };
            let placed = self.retention.hold(&ann(), &hold).await.unwrap();
            if reference == "case-8" {
                assert!(self.retention.release(&ann(), &placed).await.unwrap());
            }
        }
        let requests = Requests::new(
            self.vault.clone(),
            self.consent.clone(),
            Arc::new(NoPost),
            RequestConfig::default(),
        );
        let new = NewRequest::new(RequestKind::Access, vec![who.clone()]);
        requests.unwrap().open(&ann(), &new).await.unwrap();
    }
}

/// Gives every leaf its position.
pub(crate) async fn sequence(house: &House) {
    let signer = log_signer(&house.root, None).unwrap();
    let mut sequencer = Sequencer::open(house.store.clone(), signer).await.unwrap();
    sequencer.run_once().await.unwrap();
}

/// The check of the log.
pub(crate) async fn log(house: &House) -> LogCheck {
    let signer = log_signer(&house.root, None).unwrap();
    house
        .store
        .check_log(signer.key(), u64::MAX, &mut |_, _| {})
        .await
        .unwrap()
}
