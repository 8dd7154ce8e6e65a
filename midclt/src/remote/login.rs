//! Signing in on another machine: a password, and a code where one is asked for.

use client::{Client, Deadline, Error};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use zeroize::Zeroizing;

use super::Person;
use crate::failure::{Failure, Request};
use crate::output;
use crate::piped;
use crate::twofactor::{can_ask, hidden};

/// The answers that matter.
#[derive(Deserialize)]
#[serde(tag = "response_type", rename_all = "SCREAMING_SNAKE_CASE")]
enum Answer {
    Success {
        #[serde(default)]
        warnings: Vec<String>,
    },
    OtpRequired {},
    AuthErr {},
    Expired {},
    Denied {},
}

#[derive(Serialize)]
#[serde(tag = "mechanism")]
enum Login<'a> {
    #[serde(rename = "PASSWORD_PLAIN")]
    Password {
        username: &'a str,
        password: &'a str,
    },
    #[serde(rename = "OTP_TOKEN")]
    Code { otp_token: &'a str },
}

/// Signs in, or says why not in the original's words.
pub(super) fn sign_in(
    client: &mut Client,
    person: &Person,
    (request, limit): (&Request<'_>, Duration),
) -> Result<(), Failure> {
    let password = person.password()?;
    let mut ask = |method: &str, login: &Login<'_>| {
        // A person typed meanwhile.
        client.set_deadline(Deadline::after(limit));
        let answer = client.call(method, &[login]);
        let answer = answer.map_err(|error| refused(request, &error))?;
        serde_json::from_str(answer.get())
            .map_err(|_| failed("the answer of this machine is not known here"))
    };
    let password = Login::Password {
        username: &person.username,
        password: &password,
    };
    let mut answer = ask("auth.login_ex", &password)?;
    let is_asked = matches!(answer, Answer::OtpRequired {});
    if is_asked {
        let code = person.code()?;
        answer = ask("auth.login_ex_continue", &Login::Code { otp_token: &code })?;
    }
    let why = match answer {
        Answer::Success { warnings } => {
            if !request.quiet {
                for line in &warnings {
                    output::note(line);
                }
            }
            return Ok(());
        }
        Answer::OtpRequired {} | Answer::AuthErr {} if is_asked => {
            "The code is wrong, or was used before"
        }
        Answer::OtpRequired {} | Answer::AuthErr {} => "Invalid username or password",
        Answer::Expired {} => "The password or the account has expired",
        Answer::Denied {} => "This account may not sign in here",
    };
    Err(failed(why))
}

impl Person {
    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(given) = &self.password {
            return Ok(given.clone());
        }
        if self.password_stdin {
            return piped::line("password");
        }
        if can_ask() {
            return hidden(&format!("Password of {}: ", self.username));
        }
        Err(Failure::usage(
            "this asks for a password, and there is no terminal to ask on: --password-stdin is \
             missing",
        ))
    }

    fn code(&self) -> Result<Zeroizing<String>, Failure> {
        match &self.otp {
            Some(given) => Ok(given.clone()),
            None if can_ask() => hidden("Verification code (it is not shown): "),
            None => Err(failed(
                "a verification code is asked for, and there is no terminal to ask on: --otp CODE \
                 is missing",
            )),
        }
    }
}

/// As the original begins it, and with its two spaces; but its exit status was 0.
fn failed(why: &str) -> Failure {
    Failure::told(format!("Failed to login:  {why}"))
}

/// A refusal, such as after too many wrong passwords, is not the end of a connection.
fn refused(request: &Request<'_>, error: &Error) -> Failure {
    match error {
        Error::Call(error) => failed(error.reason().trim_end()),
        other => request.failed(other),
    }
}
