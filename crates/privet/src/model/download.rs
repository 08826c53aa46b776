//! Fetches a package's file from an index.

use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use super::index;
use super::package::Package;
use crate::fetch::{Fetcher, Plaintext, Site, bar};

/// Largest page of an index.
const PAGE_BYTES: usize = 16 << 20;
/// What is asked for: pages of an index in either form, and files.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.2, */*;q=0.1";

/// Where packages come from.
#[derive(Debug)]
pub(crate) struct Source {
    index: Site,
    ca_file: Option<PathBuf>,
}

impl Source {
    /// `index`: its address, which may hold a name and a password as pip takes them. `ca_file`: certificates to trust
    /// instead of the Mozilla root programme's.
    ///
    /// # Errors
    /// If `index` is not an address of the web.
    pub(crate) fn new(index: &str, ca_file: Option<PathBuf>) -> Result<Self> {
        let index = Site::parse(index)
            .context("the index is not an address of the web; use one such as `https://pypi.org/simple`")?;
        Ok(Self { index, ca_file })
    }
}

/// The bytes of `package`'s file, as they came: they are still to be checked.
///
/// # Errors
/// If the index cannot be reached or does not have it.
pub(crate) fn fetch(package: &Package, source: &Source) -> Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let help = || {
        format!(
            "cannot download {} {} from `{}`; behind a proxy or offline, fetch it with `pip download --no-deps \
             {}=={}` and add it with `--from {}`",
            package.project,
            package.version,
            source.index.address(),
            package.project,
            package.version,
            package.wheel.name
        )
    };
    runtime.block_on(download(package, source)).with_context(help)
}

async fn download(package: &Package, source: &Source) -> Result<Vec<u8>> {
    // The hash protects what is downloaded; who reads along learns which network it is.
    let fetcher = Fetcher::new(&source.index, source.ca_file.as_deref(), Plaintext::Allowed)?;
    let page_address = format!(
        "{}/{}/",
        source.index.address().trim_end_matches('/'),
        package.project
    );
    let mut page = Vec::new();
    let address = fetcher
        .get(
            &page_address,
            ACCEPT,
            PAGE_BYTES as u64,
            &ProgressBar::hidden(),
            &mut page,
        )
        .await?;
    let page = String::from_utf8(page).context("the index's page is not UTF-8")?;
    let file = index::find(&page, &address, package.wheel.name)?;
    let mut wheel = Vec::new();
    let most = package.wheel.bytes as u64;
    let bar = bar();
    fetcher.get(&file, ACCEPT, most, &bar, &mut wheel).await?;
    bar.finish_and_clear();
    Ok(wheel)
}
