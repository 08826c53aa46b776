//! `privet alert` and `privet incident`.

mod alert;
mod bundle;
mod incident;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use privet_crypto::RootKey;
use privet_policy::Settings;
use privet_server::SystemClock;
use privet_server::incidents::Incidents;
use privet_store::Store;
use privet_types::{Pseudonym, TenantId};

use crate::{key, rim, serve};

pub(crate) use alert::{AlertCommand, run as alert};
pub(crate) use incident::{IncidentCommand, run as incident};

/// What nobody's own key stands behind: whoever may use this machine.
const OPERATOR: &str = "operator";

#[derive(Args)]
pub(crate) struct CommonArgs {
    /// The settings file.
    #[arg(long, default_value = "privet.toml")]
    config: PathBuf,
    /// Whose installation space.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// The store with what is needed to work on it.
pub(crate) struct Open {
    settings: Settings,
    root: Arc<RootKey>,
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) clock: SystemClock,
}

impl Open {
    fn incidents(&self) -> Incidents {
        Incidents::new(self.store.clone(), &self.root)
    }
}

pub(crate) fn operator() -> Pseudonym {
    Pseudonym(OPERATOR.to_owned())
}

/// Does `work` on the store of the settings, which must be there.
pub(crate) fn with<T>(common: &CommonArgs, work: impl AsyncFnOnce(&Open) -> Result<T>) -> Result<T> {
    let settings = rim::settings(&common.config)?;
    let tenant = common.tenant.parse()?;
    if !rim::has_store(&settings) {
        bail!(
            "there is no store `{}` yet; it is made when the gateway first runs",
            settings.store.path.display()
        );
    }
    let root = Arc::new(rim::root_key(&settings)?);
    serve::runtime()?.block_on(async {
        let store = key::open(&settings, &root).await?;
        let open = Open {
            settings,
            root,
            store,
            tenant,
            clock: SystemClock,
        };
        let done = work(&open).await;
        open.store.close().await;
        done
    })
}
