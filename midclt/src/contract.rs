//! The contract of the API as committed in `docs/api.json`, built in: midclt knows which method
//! takes what even when no daemon runs. Read only where it is needed, which an ordinary call is not.

use serde::Deserialize;
use serde_json::{Map, Value, json};

const CONTRACT: &str = include_str!("../../docs/api.json");

/// What can be called and subscribed to.
#[derive(Debug, Deserialize)]
pub(crate) struct Contract<'a> {
    #[serde(borrow)]
    pub(crate) methods: Vec<Method<'a>>,
    #[serde(borrow, default)]
    pub(crate) events: Vec<Event<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Method<'a> {
    pub(crate) name: &'a str,
    #[serde(default)]
    params: Vec<Param>,
}

#[derive(Debug, Deserialize)]
struct Param {
    schema: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    pub(crate) name: &'a str,
}

impl Contract<'static> {
    /// The built-in contract. A test proves that it can be read; unreadable, it is empty, and
    /// midclt then sends words as the original does.
    pub(crate) fn built_in() -> Self {
        let empty = Self {
            methods: Vec::new(),
            events: Vec::new(),
        };
        serde_json::from_str(CONTRACT).unwrap_or(empty)
    }

    /// Whether a method may be run without the daemon. Reads nothing else of the contract, since each
    /// call of root's asks this.
    pub(crate) fn is_offline(name: &str) -> bool {
        #[derive(Deserialize)]
        struct Names<'a> {
            #[serde(borrow)]
            methods: Vec<Name<'a>>,
        }
        #[derive(Deserialize)]
        struct Name<'a> {
            name: &'a str,
            #[serde(default)]
            offline: bool,
        }
        let names: Result<Names<'_>, _> = serde_json::from_str(CONTRACT);
        names.is_ok_and(|names| {
            let mut methods = names.methods.iter();
            methods.any(|method| method.name == name && method.offline)
        })
    }

    pub(crate) fn method(self, name: &str) -> Option<Method<'static>> {
        self.methods.into_iter().find(|method| method.name == name)
    }

    /// The method that somebody who typed `name` probably meant.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        let names = self.methods.iter().map(|method| method.name);
        let rated = names.map(|known| (closeness(name, known), known));
        let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (best.0 > 0.75).then_some(best.1)
    }
}

/// 1 for equal names. People also leave out the front (`twofactor.update`, `update`), or know both
/// ends and guess between (`auth.2fa.update`).
fn closeness(typed: &str, known: &str) -> f64 {
    let as_a_whole = strsim::normalized_damerau_levenshtein(typed, known);
    let has_ends_of_known =
        typed.split('.').next() == known.split('.').next() && last(typed) == last(known);
    let by_end = if known
        .strip_suffix(typed)
        .is_some_and(|front| front.ends_with('.'))
    {
        0.99
    } else if has_ends_of_known {
        0.76
    } else {
        return as_a_whole;
    };
    // Of several that end so, the one that is more like it.
    as_a_whole.max(by_end + as_a_whole / 1_000.0)
}

fn last(name: &str) -> Option<&str> {
    name.rsplit('.').next()
}

impl Method<'_> {
    /// The schema of its argument, where that is one object and nothing else.
    pub(crate) fn only_object(&self) -> Option<&Value> {
        match self.params.as_slice() {
            [param] if types(&param.schema) == ["object"] => Some(&param.schema),
            _ => None,
        }
    }

    /// Whether some argument may be text. Where a schema does not say, it may.
    pub(crate) fn takes_text(&self) -> bool {
        self.params.iter().any(|param| {
            let types = types(&param.schema);
            types.is_empty() || types.contains(&"string")
        })
    }

    pub(crate) fn takes_nothing(&self) -> bool {
        self.params.is_empty()
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The schema of a member of an object.
pub(crate) fn member<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(key)
}

/// Whether values of this schema are settings that may be shown: flags and whole numbers.
/// Text may be a secret.
pub(crate) fn is_plain(schema: &Value) -> bool {
    let types = types(schema);
    !types.is_empty()
        && types
            .iter()
            .all(|name| matches!(*name, "boolean" | "integer" | "null"))
}

/// A right value for a schema, with the member at `path` in it as far as the schema knows it,
/// else with its first one.
pub(crate) fn example(schema: &Value, path: &[String]) -> Value {
    let types = types(schema);
    let is = |name| types.contains(&name);
    if is("boolean") {
        Value::Bool(false)
    } else if is("integer") {
        schema.get("minimum").cloned().unwrap_or(json!(1))
    } else if is("object") {
        example_object(schema, path)
    } else if is("array") {
        json!([])
    } else {
        json!("...")
    }
}

/// The same as `key=value`, where it is that simple: for keyboards without braces.
pub(crate) fn in_words(example: &Value) -> Option<String> {
    let mut members = example.as_object()?.iter();
    let ((key, value), None) = (members.next()?, members.next()) else {
        return None;
    };
    match value {
        Value::Bool(_) | Value::Number(_) => Some(format!("{key}={value}")),
        _ => Some(format!("{key}.{}", in_words(value)?)),
    }
}

fn example_object(schema: &Value, path: &[String]) -> Value {
    let asked = path
        .split_first()
        .and_then(|(key, rest)| Some((key, member(schema, key)?, rest)));
    let first = || {
        let properties = schema.get("properties").and_then(Value::as_object)?;
        properties
            .iter()
            .next()
            .map(|(key, schema)| (key, schema, [].as_slice()))
    };
    let chosen = asked.or_else(first);
    let members = chosen.map(|(key, schema, rest)| (key.clone(), example(schema, rest)));
    Value::Object(members.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> Method<'static> {
        Contract::built_in()
            .method("auth.twofactor.update")
            .unwrap()
    }

    #[test]
    fn the_contract_can_be_read() {
        let contract = Contract::built_in();
        assert!(
            contract
                .methods
                .iter()
                .any(|method| method.name == "core.ping")
        );
        assert!(
            contract
                .events
                .iter()
                .any(|event| event.name == "auth.twofactor.config")
        );
    }

    #[test]
    fn who_takes_what() {
        let check = |name: &str, one_object: bool, text: bool| {
            let method = Contract::built_in().method(name).unwrap();
            assert_eq!(method.only_object().is_some(), one_object, "{name}");
            assert_eq!(method.takes_text(), text, "{name}");
        };
        check("auth.twofactor.update", true, false);
        check("core.set_options", true, false);
        check("auth.twofactor.verify", false, true);
        check("core.subscribe", false, true);
        check("core.ping", false, false);
    }

    #[test]
    fn what_may_be_run_without_the_daemon() {
        for (name, expected) in [
            ("auth.twofactor.update", true),
            ("auth.twofactor.verify", false),
            ("no.such.method", false),
        ] {
            assert_eq!(Contract::is_offline(name), expected, "{name}");
        }
    }

    #[test]
    fn near_misses() {
        let check = |typed: &str, expected: Option<&str>| {
            assert_eq!(Contract::built_in().nearest(typed), expected, "{typed}");
        };
        check("auth.twofactor.updat", Some("auth.twofactor.update"));
        check("auth.twofacter.update", Some("auth.twofactor.update"));
        check("auth.two_factor.update", Some("auth.twofactor.update"));
        check("auth.2fa.update", Some("auth.twofactor.update"));
        check("update", Some("auth.twofactor.update"));
        check("twofactor.update", Some("auth.twofactor.update"));
        check("verify", Some("auth.twofactor.verify"));
        check("core.pong", Some("core.ping"));
        check("ping", Some("core.ping"));
        check("pool.query", None);
        check("", None);
    }

    #[test]
    fn examples_in_words() {
        let check = |example: Value, expected: Option<&str>| {
            assert_eq!(in_words(&example).as_deref(), expected, "{example}");
        };
        check(json!({"enabled": false}), Some("enabled=false"));
        check(
            json!({"services": {"ssh": false}}),
            Some("services.ssh=false"),
        );
        check(json!({"username": "..."}), None);
        check(json!({"a": 1, "b": 2}), None);
        check(json!({"a": {}}), None);
        check(json!([]), None);
    }

    #[test]
    fn examples() {
        let check = |path: &[&str], expected: &str| {
            let path: Vec<String> = path.iter().map(|&key| key.to_owned()).collect();
            let shown = example(update().only_object().unwrap(), &path).to_string();
            assert_eq!(shown, expected, "{path:?}");
        };
        check(&[], r#"{"enabled":false}"#);
        check(&["unknown"], r#"{"enabled":false}"#);
        check(&["window"], r#"{"window":0}"#);
        check(&["services"], r#"{"services":{"ssh":false}}"#);
        check(&["services", "ssh"], r#"{"services":{"ssh":false}}"#);
    }
}
