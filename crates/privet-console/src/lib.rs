//! The console's pages: what people see who look after Privet with a browser.
//!
//! For the server, which fills the structs of this crate with what its policies let somebody see, and sends what comes out. Nothing is
//! asked or decided here: a page shows what it is given, and what is not given is not there. Every text is escaped by its template.
//!
//! A page is one module: a struct with what it shows, and a template of its name under `templates/`, which extends `frame.html`. The
//! handler that fills it is in `privet-server`, under `console/`, and so is the list of pages with the privilege that each needs.
//!
//! ```
//! use privet_console::problem::ProblemPage;
//! use privet_console::{Frame, Template};
//! let page = ProblemPage {
//!     frame: Frame::outside("Not found"),
//!     status: 404,
//!     text: "There is no page <here>.".to_owned(),
//! };
//! assert!(page.render()?.contains("no page &#60;here&#62;"));
//! # Ok::<(), privet_console::Error>(())
//! ```

pub mod account;
pub mod asset;
pub mod audit;
pub mod budgets;
pub mod changes;
pub mod decisions;
mod frame;
pub mod holds;
pub mod keys;
pub mod kill;
mod once;
pub mod overview;
pub mod people;
pub mod plot;
pub mod policy;
pub mod problem;
pub mod roles;
mod said;
pub mod sign_in;
pub mod try_prompt;
pub mod usage;
pub mod vault;
pub mod watch;

pub use askama::{Error, Template};
pub use frame::{Frame, MenuItem, MenuSection, Notice, Who};
pub use once::Once;
pub use said::{amount, clock_time, day_and_time, share};
