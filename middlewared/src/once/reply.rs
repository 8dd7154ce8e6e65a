//! The one line that is answered.

use api::CallError;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The answer to a call, as a JSON-RPC reply has it, and what there is to say besides.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Box<RawValue>>,
    /// For people, without full stops, as midclt shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// For the first process: the state could not be used, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state_failed: Option<String>,
}

impl Reply {
    pub(super) fn result(result: Box<RawValue>) -> Self {
        Self {
            result: Some(result),
            ..Self::default()
        }
    }

    /// Of an error that has nothing to do with the state.
    pub(super) fn error(error: &CallError) -> Self {
        Self {
            error: to_raw_value(&error.to_object()).ok(),
            ..Self::default()
        }
    }

    /// Of an error that comes from the state: somebody may help without it.
    pub(super) fn state_failed(error: &CallError) -> Self {
        Self {
            state_failed: Some(error.to_string()),
            ..Self::error(error)
        }
    }

    pub(super) fn of(answer: Result<Box<RawValue>, CallError>) -> Self {
        match answer {
            Ok(result) => Self::result(result),
            Err(error) if error.is_about_the_state() => Self::state_failed(&error),
            Err(error) => Self::error(&error),
        }
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Without what is for the first process only.
    pub(super) fn for_the_caller(self) -> Self {
        Self {
            state_failed: None,
            ..self
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.result.is_some()
    }
}
