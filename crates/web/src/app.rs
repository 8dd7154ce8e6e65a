//! What all requests share, and which page answers which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::config::Config;
use crate::form::Tokens;
use crate::origin::{Origins, machine_name};
use crate::sessions::Sessions;
use crate::{assets, guard, pages, relay};

/// A form has a few short fields.
const LONGEST_FORM: usize = 16 * 1024;

/// A handle to what is shared.
pub(crate) type App = Arc<Shared>;

/// What is shared.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) origins: Origins,
    pub(crate) sessions: Sessions,
    pub(crate) tokens: Tokens,
    /// The machine's name, which every page shows.
    pub(crate) machine: String,
}

impl Shared {
    /// # Errors
    /// The kernel gives no random bytes.
    pub(crate) fn new(config: Config) -> anyhow::Result<App> {
        Ok(Arc::new(Self {
            origins: Origins::new(&config),
            sessions: Sessions::default(),
            tokens: Tokens::new()?,
            machine: machine_name(),
            config,
        }))
    }
}

/// Every path.
pub(crate) fn router(app: &App) -> Router {
    pages::routes()
        .route("/api/current", get(relay::current))
        .route("/assets/{version}/{name}", get(assets::asset))
        .fallback(pages::not_found)
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(from_fn_with_state(Arc::clone(app), guard::guard))
        .with_state(Arc::clone(app))
}
