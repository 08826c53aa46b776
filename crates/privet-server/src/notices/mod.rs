//! Notices that people acknowledge before they may use a model.

mod routes;

use jiff::Timestamp;
use privet_access::{Account, Authenticated};
use privet_policy::{Advice, Language, Notice, Route};
use privet_types::PrincipalKind;

use crate::gateway::Gateway;
use crate::problem::{NotAcknowledged, Problem};
use crate::routing::Choice;

pub(crate) use routes::{described, routes};

impl Gateway {
    /// That `caller` has acknowledged all that it needs for `model` of the provider of `route`. Others that could stand in for that, and
    /// for which something is lacking, are barred.
    pub(crate) fn check_notices(
        &self,
        caller: &Authenticated,
        model: &str,
        route: &Route<'_>,
        choice: &mut Choice,
    ) -> Result<(), Problem> {
        if self.policy.notices().is_empty() {
            return Ok(());
        }
        let provider = route.provider.name();
        if let Some(notice) = self.lacking(caller, model, provider) {
            return Err(Problem::NotAcknowledged(Box::new(NotAcknowledged {
                id: notice.id().to_owned(),
                hash: notice.hash().to_owned(),
                is_person: caller.account.kind() == PrincipalKind::User,
                provider: provider.to_owned(),
                model: model.to_owned(),
            })));
        }
        for index in 0..route.targets().len() {
            let other = route.with(index).map(|other| other.provider.name());
            let other = other.filter(|other| *other != provider);
            if other.is_some_and(|other| self.lacking(caller, model, other).is_some()) {
                choice.bar(index);
            }
        }
        Ok(())
    }

    /// The first notice that `caller` needs for `model` of `provider` and has not acknowledged.
    fn lacking(&self, caller: &Authenticated, model: &str, provider: &str) -> Option<&Notice> {
        let (account, now) = (&caller.account, self.clock.now());
        let mut notices = self.policy.notices().iter();
        notices.find(|notice| {
            notice.is_for((model, provider), account.kind(), account.roles())
                && !is_acknowledged(notice, account, now)
        })
    }

    /// The ids of the notices of the policy that `caller` has acknowledged, as they are worded now.
    pub(crate) fn acknowledged(&self, caller: &Authenticated) -> Vec<&str> {
        let now = self.clock.now();
        let notices = self.policy.notices().iter();
        let acknowledged = notices.filter(|notice| is_acknowledged(notice, &caller.account, now));
        acknowledged.map(Notice::id).collect()
    }

    /// What somebody is told who lacks the notice `id`.
    pub(crate) fn told_of_notice(&self, id: &str, language: Language) -> Option<Advice> {
        let coaching = self.policy.coaching();
        let notice = self.policy.notices().iter().find(|notice| notice.id() == id)?;
        let (language, text) = notice.text(language, coaching.language);
        Some(Advice {
            language,
            text: text.to_owned(),
            link: notice.link().map(str::to_owned).or_else(|| coaching.link.clone()),
            is_own: true,
        })
    }
}

fn is_acknowledged(notice: &Notice, account: &Account, now: Timestamp) -> bool {
    let at = account.acknowledged_at(notice.id(), notice.hash());
    at.is_some_and(|at| notice.counts(at, now))
}
