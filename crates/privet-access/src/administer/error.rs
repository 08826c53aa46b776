//! Why somebody who looks after keys and people may not do what was asked.

use privet_types::RoleName;

use crate::{DecideError, Denied, Error, Privilege};

/// Why a change of keys or people was refused. Nothing was changed. `Display` is the text for whoever asks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The caller may not do that, or not any more.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It would give somebody what the policies do not let the caller hand on.
    #[error(
        "this would give away `{0}`, and no policy lets you hand that on (`delegate`); ask somebody who may, or the operator, who may do it on the machine"
    )]
    CannotDelegate(Privilege),
    /// The caller would get more than it has.
    #[error("nobody gives more privileges to themselves; ask another administrator")]
    OwnPrivileges,
    /// What people do about themselves is done elsewhere.
    #[error("this is for others; how you sign in yourself is at `/api/v1/me`")]
    OwnAccount,
    /// No policy speaks of the role.
    #[error("no policy speaks of the role `{0}`, so it permits nothing; those there are: GET /api/v1/roles")]
    UnknownRole(RoleName),
    /// Nobody would be left who may change people.
    #[error(
        "nobody else who is switched on may change people (`people.manage`), so nobody could undo this; make another administrator first"
    )]
    LastAdministrator,
    /// Others change keys and people all the time.
    #[error("others change keys or people at the same time, so nothing was changed; try again in a moment")]
    Contended,
    /// The policies cannot be asked.
    #[error(
        "the policies cannot be asked, so nothing was changed; the operator finds the reason in Privet's log"
    )]
    Decide(#[from] DecideError),
    /// What was asked cannot be done, whoever asks.
    #[error(transparent)]
    Access(#[from] Error),
}
