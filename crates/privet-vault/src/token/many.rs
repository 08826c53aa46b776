//! Many tokens at once.

use tokio::task::JoinSet;

use super::{NewToken, Token, TokenValue};
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, Vault};

/// Most tokens that are made, read or deleted in one call.
const MOST_TOKENS: usize = 1000;
/// So many of them are made at once.
const TOKENS_AT_ONCE: usize = 64;

impl Vault {
    /// Tokens for several values, 1,000 at most; each by itself, in the order of the values.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub async fn create_tokens(
        &self,
        actor: &Actor,
        new: &[NewToken],
        ground: Ground,
    ) -> Result<Vec<Result<Token, Error>>, Error> {
        check_count(new.len())?;
        let mut tokens: Vec<Result<Token, Error>> = new.iter().map(|_| Err(Error::Stopped)).collect();
        let mut open = JoinSet::new();
        let mut waiting = new.iter().cloned().enumerate();
        loop {
            // At once, so that they share commits.
            while open.len() < TOKENS_AT_ONCE
                && let Some((number, one)) = waiting.next()
            {
                let (vault, actor) = (self.clone(), actor.clone());
                open.spawn(async move { (number, vault.create_token(&actor, &one, ground).await) });
            }
            let Some(done) = open.join_next().await else {
                return Ok(tokens);
            };
            if let Ok((number, outcome)) = done
                && let Some(slot) = tokens.get_mut(number)
            {
                *slot = outcome;
            }
        }
    }

    /// What the tokens of these names, 1,000 at most, stand for, under the open bulk read `unlock`. In the order of asking, each
    /// token once; what there is not, and what is of a restricted subject, is left out.
    ///
    /// # Errors
    /// [`Error::TooMany`]; those of [`check_unlock`](Self::check_unlock).
    pub async fn bulk_tokens(
        &self,
        actor: &Actor,
        unlock: &str,
        names: &[String],
    ) -> Result<Audited<Vec<TokenValue>>, Error> {
        check_count(names.len())?;
        self.check_unlock(actor, unlock).await?;
        let mut values: Vec<TokenValue> = Vec::new();
        for name in names {
            match self.resolve_token(actor, name, Ground::Ordinary).await {
                Ok(found) if values.iter().any(|known| known.token == found.value.token) => {}
                Ok(found) => values.push(found.value),
                Err(Error::Absent { .. } | Error::Restricted) => {}
                Err(error) => return Err(error),
            }
        }
        self.use_unlock(actor, unlock, values.len() as u64).await?;
        let access = Access::shown(actor, self.now(), Operation::BulkPage, Ground::Ordinary);
        Ok(Audited {
            access: access.many(0, values.len()),
            value: values,
        })
    }

    /// Deletes the tokens of these names, 1,000 at most, under the open bulk read `unlock`. Returns how many that were.
    ///
    /// # Errors
    /// [`Error::TooMany`]; those of [`check_unlock`](Self::check_unlock). What was deleted before stays deleted.
    pub async fn bulk_delete_tokens(
        &self,
        actor: &Actor,
        unlock: &str,
        names: &[String],
    ) -> Result<u64, Error> {
        check_count(names.len())?;
        self.use_unlock(actor, unlock, names.len() as u64).await?;
        let mut deleted = 0;
        for name in names {
            match self.delete_token(actor, name).await {
                Ok(()) => deleted += 1,
                Err(Error::Absent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }
}

fn check_count(tokens: usize) -> Result<(), Error> {
    if tokens > MOST_TOKENS {
        return Err(Error::TooMany {
            what: "tokens at a time",
            most: MOST_TOKENS as u64,
        });
    }
    Ok(())
}
