//! The contract: what the method table says of itself, for `docs/api.json`, `core.get_methods`, the
//! man page and completion.

use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::access::Right;
use crate::event::EVENTS;
use crate::method::{Method, namespace_of};
use crate::{alert, auth_twofactor, methods};

/// Everything that can be called and subscribed to, as committed in `docs/api.json`.
#[must_use]
pub fn contract() -> Value {
    json!({
        "contract": 1,
        "methods": methods().map(describe).collect::<Vec<_>>(),
        "events": EVENTS,
        "alerts": alert::table(),
    })
}

fn describe(method: &Method) -> Value {
    let documentation = documentation(method);
    json!({
        "name": method.name,
        "summary": summary(&documentation),
        "description": documentation,
        "kind": method.kind.as_str(),
        "offline": method.offline,
        "rights": method.right.describe(),
        "params": params(method),
        "result": bare(&method.result_schema()),
    })
}

/// Each param by itself: its name, whether it must be given, and its schema.
fn params(method: &Method) -> Vec<Value> {
    let schema = method.params_schema().to_value();
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let properties = schema.get("properties").and_then(Value::as_object);
    let param = |(name, schema): (&String, &Value)| {
        let required = required.iter().any(|required| required == name);
        json!({ "name": name, "required": required, "schema": schema })
    };
    properties.into_iter().flatten().map(param).collect()
}

/// Without what is true of every schema here.
fn bare(schema: &Schema) -> Value {
    let mut schema = schema.clone();
    for common in ["$schema", "title"] {
        schema.remove(common);
    }
    schema.to_value()
}

fn documentation(method: &Method) -> String {
    let schema = method.params_schema();
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The first sentence of the first paragraph, on one line.
fn summary(documentation: &str) -> String {
    let first = documentation
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .replace('\n', " ");
    match first.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => first,
    }
}

/// The answer of `core.get_methods`, with the keys that the original's clients know.
pub(crate) fn get_methods(service: Option<&str>) -> Map<String, Value> {
    methods()
        .filter(|method| service.is_none_or(|service| service_of(method) == service))
        .map(|method| (method.name.to_owned(), get_method(method)))
        .collect()
}

fn get_method(method: &Method) -> Value {
    let documentation = documentation(method);
    let accepts: Vec<Value> = params(method).iter().map(accepted).collect();
    json!({
        "description": documentation,
        "cli_description": summary(&documentation),
        "examples": {},
        "no_auth_required": method.right == Right::Anybody,
        "no_authz_required": method.right == Right::SignedIn,
        "cli_private": false,
        "filterable": false,
        "filterable_schema": null,
        "pass_application": false,
        "job": false,
        "downloadable": false,
        "uploadable": false,
        "check_pipes": false,
        "roles": [],
        "accepts": accepts,
        "returns": [bare(&method.result_schema())],
    })
}

/// A param's schema with its name and whether it must be given, as the original puts them.
fn accepted(param: &Value) -> Value {
    let mut schema = param
        .get("schema")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for (theirs, ours) in [("_name_", "name"), ("_required_", "required")] {
        schema.insert(
            theirs.to_owned(),
            param.get(ours).cloned().unwrap_or_default(),
        );
    }
    Value::Object(schema)
}

/// The answer of `core.get_services`.
pub(crate) fn get_services() -> Map<String, Value> {
    let with_config = auth_twofactor::METHODS.iter().map(service_of).next();
    methods()
        .map(service_of)
        .map(|service| {
            let is_config = with_config == Some(service);
            let kind = if is_config { "config" } else { "service" };
            (service.to_owned(), json!({ "config": {}, "type": kind }))
        })
        .collect()
}

fn service_of(method: &Method) -> &'static str {
    namespace_of(method.name)
}
