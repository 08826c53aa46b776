//! Which step may follow which: a pure function of a request, a step, who does it, and when.

use jiff::Timestamp;
use privet_types::Pseudonym;
use serde::{Deserialize, Serialize};

use super::RequestConfig;
use super::model::{
    Approval, CancelGround, Extension, ExtensionReason, IdentityMethod, IdentityProof, Request,
    RequestOutcome, RequestStatus, months_after,
};
use crate::Error;

/// A one-time code that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentCode {
    /// Its keyed hash, hexadecimal. The key is in the keyring.
    pub(super) hash: String,
    pub(super) expires_at: Timestamp,
    pub(super) attempts_left: u32,
}

/// A request with what only the vault sees of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) request: Request,
    pub(super) code: Option<SentCode>,
    pub(super) codes_sent: u32,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    SendCode {
        hash: String,
        expires_at: Timestamp,
        /// Whether somebody gets the code; else `hash` is of none.
        is_sent: bool,
    },
    TypeCode {
        is_right: bool,
    },
    Vouch(IdentityMethod),
    Approve,
    Extend(ExtensionReason),
    Start,
    Complete(RequestOutcome),
    Cancel(CancelGround),
}

impl Step {
    /// As the log's leaf and the list of steps name it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::SendCode { .. } => "request_code_sent",
            Self::TypeCode { is_right: false } => "request_code_refused",
            Self::TypeCode { is_right: true } | Self::Vouch(_) => "request_identity_verified",
            Self::Approve => "request_approved",
            Self::Extend(_) => "request_extended",
            Self::Start => "request_started",
            Self::Complete(_) => "request_completed",
            Self::Cancel(_) => "request_cancelled",
        }
    }
}

const fn not_ready(why: &'static str) -> Error {
    Error::NotReady { why }
}

impl Case {
    /// Does `step` in the name of `by`. On an error nothing has changed.
    pub(super) fn apply(
        &mut self,
        step: &Step,
        by: &Pseudonym,
        at: Timestamp,
        config: &RequestConfig,
    ) -> Result<(), Error> {
        if !self.request.status.is_open() {
            return Err(not_ready("it is closed"));
        }
        match step {
            Step::SendCode { hash, expires_at, .. } => self.send_code(hash, *expires_at, config),
            Step::TypeCode { is_right } => self.type_code(*is_right, by, at),
            Step::Vouch(method) => self.prove(*method, by, at),
            Step::Approve => self.approve(by, at),
            Step::Extend(reason) => self.extend(*reason, by, at),
            Step::Start => self.start(),
            Step::Complete(outcome) => self.complete(outcome, by, at),
            Step::Cancel(ground) => {
                self.close(RequestStatus::Cancelled, by, at);
                self.request.outcome = Some(RequestOutcome::Cancelled { ground: *ground });
                Ok(())
            }
        }
    }

    /// That it can be carried out by `by`.
    pub(super) fn ready(&self, by: &Pseudonym) -> Result<(), Error> {
        let request = &self.request;
        if !request.status.is_open() {
            return Err(not_ready("it is closed"));
        }
        if request.needs_identity && request.identity.is_none() {
            return Err(not_ready("it is not made sure that the subject asks"));
        }
        match &request.approval {
            None if request.needs_approval => Err(not_ready("nobody has approved it")),
            Some(approval) if request.needs_approval && approval.by == *by => Err(Error::SecondPrincipal),
            _ => Ok(()),
        }
    }

    fn send_code(&mut self, hash: &str, expires_at: Timestamp, config: &RequestConfig) -> Result<(), Error> {
        if self.request.identity.is_some() {
            return Err(not_ready("it is made sure already that the subject asks"));
        }
        if self.codes_sent >= config.codes {
            return Err(not_ready("no further code is sent for it"));
        }
        self.codes_sent += 1;
        self.code = Some(SentCode {
            hash: hash.to_owned(),
            expires_at,
            attempts_left: config.attempts,
        });
        Ok(())
    }

    fn type_code(&mut self, is_right: bool, by: &Pseudonym, at: Timestamp) -> Result<(), Error> {
        let code = self.live_code(at)?;
        if is_right {
            self.prove(IdentityMethod::OneTimeCode, by, at)
        } else {
            code.attempts_left -= 1;
            Ok(())
        }
    }

    /// The code that can still be typed.
    pub(super) fn live_code(&mut self, at: Timestamp) -> Result<&mut SentCode, Error> {
        self.code
            .as_mut()
            .filter(|code| code.attempts_left > 0 && at < code.expires_at)
            .ok_or(not_ready("there is no code, or it has ended; ask for another"))
    }

    fn prove(&mut self, method: IdentityMethod, by: &Pseudonym, at: Timestamp) -> Result<(), Error> {
        if self.request.identity.is_some() {
            return Err(not_ready("it is made sure already that the subject asks"));
        }
        self.code = None;
        self.request.identity = Some(IdentityProof {
            method,
            at,
            by: by.clone(),
        });
        Ok(())
    }

    fn approve(&mut self, by: &Pseudonym, at: Timestamp) -> Result<(), Error> {
        if !self.request.needs_approval || self.request.approval.is_some() {
            return Err(not_ready("it needs no approval, or has one"));
        }
        if self.request.opened_by == *by {
            return Err(Error::SecondPrincipal);
        }
        self.request.approval = Some(Approval { by: by.clone(), at });
        Ok(())
    }

    fn extend(&mut self, reason: ExtensionReason, by: &Pseudonym, at: Timestamp) -> Result<(), Error> {
        if self.request.extension.is_some() {
            return Err(not_ready("its time was extended already"));
        }
        // The subject must be told of it within the first month: Article 12(3).
        if at > self.request.due_at {
            return Err(not_ready("its time is over, and cannot be extended any more"));
        }
        self.request.due_at = months_after(self.request.received_at, 3)?;
        self.request.extension = Some(Extension {
            reason,
            by: by.clone(),
            at,
        });
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.request.status != RequestStatus::Pending {
            return Err(not_ready("it has begun"));
        }
        self.request.status = RequestStatus::InProgress;
        Ok(())
    }

    fn complete(&mut self, outcome: &RequestOutcome, by: &Pseudonym, at: Timestamp) -> Result<(), Error> {
        self.ready(by)?;
        if self.request.status != RequestStatus::InProgress {
            return Err(not_ready("it has not begun"));
        }
        if matches!(outcome, RequestOutcome::Erased { .. }) {
            // Who holds the tenant's key could still try names against the hashes.
            self.request.identities.clear();
        }
        self.close(RequestStatus::Completed, by, at);
        self.request.outcome = Some(outcome.clone());
        Ok(())
    }

    fn close(&mut self, status: RequestStatus, by: &Pseudonym, at: Timestamp) {
        self.code = None;
        self.request.status = status;
        self.request.closed_at = Some(at);
        self.request.closed_by = Some(by.clone());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::RequestKind;
    use super::*;

    const NAMES: [&str; 3] = ["ann", "bob", "cy"];

    fn case(needs_identity: bool, needs_approval: bool) -> Case {
        let received_at = Timestamp::from_second(1_800_000_000).unwrap();
        Case {
            request: Request {
                id: "1".to_owned(),
                kind: RequestKind::Access,
                status: RequestStatus::Pending,
                subject: None,
                pseudonym: None,
                identities: Vec::new(),
                opened_by: Pseudonym(NAMES[0].to_owned()),
                received_at,
                due_at: months_after(received_at, 1).unwrap(),
                needs_identity,
                identity: None,
                needs_approval,
                approval: None,
                extension: None,
                closed_at: None,
                closed_by: None,
                outcome: None,
                callbacks: Vec::new(),
            },
            code: None,
            codes_sent: 0,
        }
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_i64..4_000).prop_map(|end| Step::SendCode {
                hash: String::new(),
                expires_at: Timestamp::from_second(1_800_000_000 + end).unwrap(),
                is_sent: true,
            }),
            6 => any::<bool>().prop_map(|is_right| Step::TypeCode { is_right }),
            1 => Just(Step::Vouch(IdentityMethod::Document)),
            3 => Just(Step::Approve),
            2 => Just(Step::Extend(ExtensionReason::Complexity)),
            3 => Just(Step::Start),
            4 => Just(Step::Complete(RequestOutcome::NothingHeld)),
            1 => Just(Step::Cancel(CancelGround::Withdrawn)),
        ]
    }

    proptest! {
        #[test]
        fn no_order_of_steps_breaks_a_rule(
            needs_identity in any::<bool>(),
            needs_approval in any::<bool>(),
            steps in prop::collection::vec((any_step(), 0_usize..3, 0_i64..500_000), 0..40),
        ) {
            let config = RequestConfig { codes: 2, attempts: 3, ..RequestConfig::default() };
            let mut case = case(needs_identity, needs_approval);
            let longest = months_after(case.request.received_at, 3).unwrap();
            let (mut now, mut refused) = (case.request.received_at, 0);
            for (step, who, pause) in steps {
                now = now.checked_add(jiff::SignedDuration::from_secs(pause)).unwrap();
                let (before, by) = (case.clone(), Pseudonym(NAMES[who].to_owned()));
                let result = case.apply(&step, &by, now, &config);
                refused += u32::from(result.is_ok() && step == Step::TypeCode { is_right: false });
                // What was refused changed nothing, and what is closed stays as it is.
                prop_assert!(result.is_ok() || case == before);
                prop_assert!(before.request.status.is_open() || result.is_err());
                prop_assert!(case.request.status >= before.request.status);
                prop_assert!(case.request.due_at >= before.request.due_at && case.request.due_at <= longest);
            }
            prop_assert!(case.codes_sent <= config.codes && refused <= config.codes * config.attempts);
            let request = &case.request;
            prop_assert_eq!(request.closed_at.is_some(), !request.status.is_open());
            prop_assert_eq!(request.outcome.is_some(), !request.status.is_open());
            if request.status == RequestStatus::Completed {
                prop_assert!(request.identity.is_some() || !needs_identity);
                let approver = request.approval.as_ref().map(|approval| &approval.by);
                prop_assert!(approver.is_some() || !needs_approval);
                prop_assert!(!needs_approval || approver != Some(&request.opened_by));
                prop_assert!(!needs_approval || approver != request.closed_by.as_ref());
            }
        }
    }

    #[test]
    fn a_request_can_be_completed() {
        let mut case = case(true, true);
        let (ann, bob) = (Pseudonym("ann".to_owned()), Pseudonym("bob".to_owned()));
        let at = case.request.received_at;
        let config = RequestConfig::default();
        let end = case.request.due_at;
        let send = Step::SendCode {
            hash: String::new(),
            expires_at: end,
            is_sent: true,
        };
        case.apply(&send, &ann, at, &config).unwrap();
        case.apply(&Step::TypeCode { is_right: true }, &ann, at, &config)
            .unwrap();
        case.apply(&Step::Approve, &bob, at, &config).unwrap();
        case.apply(&Step::Start, &ann, at, &config).unwrap();
        let complete = Step::Complete(RequestOutcome::NothingHeld);
        assert!(matches!(
            case.apply(&complete, &bob, at, &config),
            Err(Error::SecondPrincipal)
        ));
        case.apply(&complete, &ann, at, &config).unwrap();
        assert_eq!(case.request.status, RequestStatus::Completed);
    }
}
