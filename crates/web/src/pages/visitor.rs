//! Whoever asks for a page: the cookies of the browser, and the session behind them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use zeroize::Zeroizing;

use crate::app::App;
use crate::assets;
use crate::form::{Form, TOKEN};
use crate::origin::Peer;
use crate::random;
use crate::sessions::{Session, Stage};

use super::answer::Problem;
use super::filled_in;

/// A browser.
pub(crate) struct Visitor {
    pub(super) app: App,
    /// From where it asks, proxies aside.
    pub(super) source: IpAddr,
    pub(super) session: Option<Arc<Session>>,
    /// Names the session, or else just this browser.
    cookie: Zeroizing<String>,
    /// What it asks for.
    path: String,
    /// The cookie is new, and goes with the answer.
    is_new: bool,
    is_secure: bool,
}

/// What is on every page.
pub(super) struct Frame {
    pub(super) title: &'static str,
    path: String,
    pub(super) machine: String,
    /// Of whoever is signed in; empty otherwise.
    pub(super) username: String,
    pub(super) is_administrator: bool,
    /// For each form of the page.
    pub(super) csrf: String,
    /// What came of what was asked last; and whether it went wrong.
    pub(super) notice: Option<(bool, String)>,
    pub(super) version: &'static str,
}

impl Frame {
    /// Whether it is the page with this path, or one below it.
    pub(super) fn is_at(&self, page: &str) -> bool {
        let rest = self.path.strip_prefix(page);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Visitor {
    /// What is on its next page. A notice is shown once.
    pub(super) fn frame(&self, title: &'static str) -> Frame {
        let signed_in = self.signed_in();
        Frame {
            title,
            path: self.path.clone(),
            machine: self.app.machine.clone(),
            username: signed_in.map_or_else(String::new, |session| session.username.clone()),
            is_administrator: signed_in.is_some_and(Session::is_administrator),
            csrf: self.app.tokens.of(&self.cookie),
            notice: signed_in.and_then(|session| session.shown().notice.take()),
            version: &assets::VERSION,
        }
    }

    /// Its first page.
    pub(super) fn home(&self) -> &'static str {
        match self.session.as_deref().map(|session| session.stage) {
            None => "/sign-in",
            Some(Stage::Code) => "/sign-in/code",
            Some(Stage::SignedIn {
                is_administrator: true,
            }) => "/two-factor",
            Some(Stage::SignedIn {
                is_administrator: false,
            }) => "/devices",
        }
    }

    /// Where it goes from the sign-in: to what it was doing, if it was.
    fn next(&self) -> &'static str {
        let signed_in = self.signed_in();
        let typed = signed_in.and_then(|session| Some(session.shown().typed.as_ref()?.0));
        let page = typed.and_then(filled_in);
        page.map_or_else(|| self.home(), |(_, page)| page)
    }

    pub(super) fn signed_in(&self) -> Option<&Session> {
        let session = self.session.as_deref()?;
        (session.stage != Stage::Code).then_some(session)
    }

    /// Whether a form came from a page that this browser got.
    pub(super) fn sent(&self, form: &Form) -> bool {
        !self.is_new && self.app.tokens.fits(&self.cookie, form.get(TOKEN))
    }

    /// Takes a session in, under a new cookie; an older one of this browser ends.
    pub(super) fn enter(mut self, session: Session) -> Result<Response, Problem> {
        self.app.sessions.remove(&self.cookie);
        self.cookie = self
            .app
            .sessions
            .insert(session)
            .map_err(|_| Problem::Broken)?;
        self.session = self.app.sessions.find(&self.cookie);
        self.is_new = true;
        let mut answer = Redirect::to(self.next()).into_response();
        self.set_cookie(answer.headers_mut());
        Ok(answer)
    }

    /// Ends the session of this browser.
    pub(super) fn leave(&self) -> Option<Arc<Session>> {
        self.app.sessions.remove(&self.cookie)
    }

    /// The browser keeps it until it is closed; scripts cannot read it, other sites cannot send it.
    pub(super) fn set_cookie(&self, headers: &mut HeaderMap) {
        if !self.is_new {
            return;
        }
        let name = cookie_name(self.is_secure);
        let secure = if self.is_secure { "; Secure" } else { "" };
        let cookie = self.cookie.as_str();
        let line = format!("{name}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}");
        if let Ok(mut line) = HeaderValue::try_from(line) {
            line.set_sensitive(true);
            headers.append(SET_COOKIE, line);
        }
    }
}

/// A browser takes `__Host-` only from this very host, by https.
const fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure {
        "__Host-session"
    } else {
        "session"
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    let lines = headers.get_all(COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    let found = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    // As this program makes them.
    (found.len() == 43).then(|| Zeroizing::new(found.to_owned()))
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let peer = *parts.extensions.get::<Peer>().ok_or(Problem::Broken)?;
        let is_secure = app.origins.is_secure(peer);
        let sent = cookie(&parts.headers, cookie_name(is_secure));
        let is_new = sent.is_none();
        let cookie = match sent {
            Some(cookie) => cookie,
            None => random::text().map_err(|_| Problem::Broken)?,
        };
        Ok(Self {
            source: app.origins.source(peer, &parts.headers),
            session: app.sessions.find(&cookie),
            app: App::clone(app),
            path: parts.uri.path().to_owned(),
            cookie,
            is_new,
            is_secure,
        })
    }
}
