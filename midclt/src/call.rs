//! `midclt call`: words to params, one frame out, the result to text.

use client::{CallError, Error};

use crate::cli::{CallArgs, Connection};
use serde_json::Value;

use crate::contract::{Contract, example, in_words, member};
use crate::failure::Failure;
use crate::remote::Login;
use crate::{ask, output, result, twofactor, words};

/// Calls one method.
pub(crate) fn run(connection: &Connection, args: CallArgs) -> Result<(), Failure> {
    let limit = connection.call_limit(args.timeout);
    let params = words::read(&args.method, args.words)?;
    if let (Some(understood), false) = (&params.understood, connection.quiet) {
        output::note(understood);
    }
    let command = format!("call {}", args.method);
    let request = connection.request(&command, limit);
    connection.begin(Login::Wanted, &request)?;
    let answer = ask::call(connection, limit, &args.method, &params.values);
    let raw = answer.map_err(|error| {
        let mut failure = request.failed(&error);
        if !connection.quiet {
            failure
                .lines
                .extend(object_hint(&args.method, &params, &error));
        }
        failure
    })?;
    output::line(&result::to_line(&raw))?;
    twofactor::remind_of_off(connection, &args.method, &params.values, &raw);
    Ok(())
}

/// How to write an object, where a method takes one, and what was sent was none or had other keys.
fn object_hint(method: &str, params: &words::Params, error: &Error) -> Option<String> {
    let Error::Call(error) = error else {
        return None;
    };
    let known = Contract::built_in().method(method)?;
    let schema = known.only_object()?;
    let is_known = |sent: &Value| {
        let keys = sent.as_object().map(|sent| sent.keys());
        keys.is_some_and(|mut keys| keys.all(|key| member(schema, key).is_some()))
    };
    let is_object = params.values.len() == 1 && params.values.iter().all(is_known);
    if error.code != CallError::INVALID_PARAMS || is_object {
        return None;
    }
    let object = example(schema, &[]);
    let words = in_words(&object).unwrap_or_else(|| format!("'{object}'"));
    Some(format!(
        "midclt: {method} takes one object: midclt call {method} {words}"
    ))
}
