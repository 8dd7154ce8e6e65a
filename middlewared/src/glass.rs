//! The override that root may have left, looked for before each decision.

use std::sync::Mutex;

use breakglass::{Override, Place, Trouble};
use twofactor::BootId;

/// The override of this boot, if there is one that root alone can have written. Whether it still counts
/// is for the store to say.
pub(crate) fn find(boot: BootId) -> Option<Override> {
    match Place::standard().read(breakglass::BootId(boot.0)) {
        Ok(found) => {
            told(None);
            found
        }
        Err(trouble) => {
            told(Some(&trouble));
            None
        }
    }
}

/// Removes an override that was taken in, where this process may: it runs as root when it was started by
/// hand. Else midclt does, which is root's.
pub(crate) fn remove(boot: BootId, taken: &Override) {
    if nix::unistd::geteuid().is_root()
        && find(boot).as_ref() == Some(taken)
        && let Err(error) = Place::standard().remove()
    {
        tracing::error!(%error, "an override that counts no more could not be removed");
    }
}

/// Once, until it is another trouble: this is looked at a thousand times a second.
fn told(trouble: Option<&Trouble>) {
    static LAST: Mutex<Option<String>> = Mutex::new(None);
    let Ok(mut last) = LAST.lock() else {
        return;
    };
    let text = trouble.map(ToString::to_string);
    if *last == text {
        return;
    }
    if let Some(text) = &text {
        tracing::error!(
            "the override in {} is ignored: {text}",
            breakglass::DIRECTORY
        );
    }
    *last = text;
}
