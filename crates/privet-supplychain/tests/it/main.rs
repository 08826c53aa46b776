//! Tests through the public door.

// Without `cfg(test)` the lints would not take what these modules share for tests.
#[cfg(test)]
mod advisories;
#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod at_rest;
#[cfg(test)]
mod baseline;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod code_cells;
#[cfg(test)]
mod dependencies;
mod fix;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod licences;
#[cfg(test)]
mod model_files;
#[cfg(test)]
mod pickles;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod secrets;
mod segments;
#[cfg(test)]
mod settings;
