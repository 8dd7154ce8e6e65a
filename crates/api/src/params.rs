//! Decoding of params: each field becomes a value or a message, and all messages are reported at
//! once, as the original does.
//!
//! The original checks in two phases: types and names over everything first, in the order of the
//! caller's keys; ranges only if that found nothing, in the order of the declaration. serde's own
//! texts are never used, since they repeat the value.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::CallError;
use crate::error::Issue;

/// Params as they came.
#[derive(Clone, Debug)]
pub enum RawParams {
    /// By position, as the original takes them; absent params are an empty list.
    Positional(Vec<Value>),
    /// By name.
    Named(Map<String, Value>),
}

/// Something that a value of a param decodes into.
pub(crate) trait Field: Sized + JsonSchema {
    /// Decodes a value, or says what is wrong with it.
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self>;

    /// What it is when it is not given, where it need not be.
    fn absent() -> Option<Self> {
        None
    }

    /// What it takes, for the contract.
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        Self::json_schema(generator)
    }
}

/// A field that need not be given. That is not the same as null, which it takes only if `T` does.
impl<T: Field> Field for Option<T> {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        T::decode(value, at, issues).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A list of named fields: the params of a method, or an object in them. See [`fields!`].
pub(crate) trait Fields: Sized {
    /// The names, in order.
    const NAMES: &'static [&'static str];

    /// Decodes what was given, in the caller's order.
    fn from_entries(
        entries: impl Iterator<Item = (String, Value)>,
        at: &At<'_>,
        issues: &mut Issues,
    ) -> Option<Self>;
}

/// The params of a method.
pub(crate) trait Params: Fields {
    fn decode(raw: RawParams) -> Result<Self, CallError> {
        let mut issues = Issues::default();
        let decoded = match raw {
            RawParams::Named(named) => {
                Self::from_entries(named.into_iter(), &At::Root, &mut issues)
            }
            RawParams::Positional(values) if values.len() > Self::NAMES.len() => {
                issues.wrong(&At::Root, too_many(Self::NAMES.len(), values.len()));
                None
            }
            RawParams::Positional(values) => {
                let names = Self::NAMES.iter().map(ToString::to_string);
                Self::from_entries(names.zip(values), &At::Root, &mut issues)
            }
        };
        match decoded {
            Some(decoded) if issues.is_empty() => Ok(decoded),
            _ => Err(CallError::Invalid(issues.into_report())),
        }
    }
}

impl<T: Fields> Params for T {}

fn too_many(expected: usize, found: usize) -> String {
    format!("Too many arguments (expected {expected}, found {found})")
}

/// Where a value stands, for the messages.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    In {
        parent: &'a At<'a>,
        name: &'a str,
        position: usize,
    },
}

impl At<'_> {
    pub(crate) const fn field<'a>(&'a self, name: &'a str, position: usize) -> At<'a> {
        At::In {
            parent: self,
            name,
            position,
        }
    }

    /// The names down to here, joined by dots. A name that is not ours is cut: keys may be long.
    fn attribute(&self) -> String {
        const LONGEST: usize = 64;
        match self {
            Self::Root => String::new(),
            Self::In { parent, name, .. } => {
                let name: String = name.chars().take(LONGEST).collect();
                match parent.attribute() {
                    parent if parent.is_empty() => name,
                    parent => format!("{parent}.{name}"),
                }
            }
        }
    }

    fn positions(&self) -> Vec<usize> {
        match self {
            Self::Root => Vec::new(),
            Self::In {
                parent, position, ..
            } => {
                let mut positions = parent.positions();
                positions.push(*position);
                positions
            }
        }
    }
}

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Issues {
    /// Types and names, in the caller's order.
    wrong: Vec<Issue>,
    /// Ranges, each with its place in the declaration.
    out_of_range: Vec<(Vec<usize>, Issue)>,
}

impl Issues {
    /// A wrong type or name.
    pub(crate) fn wrong(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.wrong.push(Issue::new(at.attribute(), message));
    }

    /// A value of the right type that is not allowed.
    pub(crate) fn out_of_range(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.out_of_range
            .push((at.positions(), Issue::new(at.attribute(), message)));
    }

    fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.out_of_range.is_empty()
    }

    fn into_report(mut self) -> Vec<Issue> {
        if !self.wrong.is_empty() {
            return self.wrong;
        }
        self.out_of_range.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.out_of_range
            .into_iter()
            .map(|(_, issue)| issue)
            .collect()
    }
}

/// Reports what is not an object, or decodes what is.
pub(crate) fn decode_object<T: Fields>(
    value: Value,
    at: &At<'_>,
    issues: &mut Issues,
) -> Option<T> {
    match value {
        Value::Object(entries) => T::from_entries(entries.into_iter(), at, issues),
        Value::Null => {
            issues.wrong(at, "null not allowed");
            None
        }
        _ => {
            issues.wrong(at, "A dict was expected");
            None
        }
    }
}

/// The value of a field that was not given.
pub(crate) fn absent<T: Field>(at: &At<'_>, issues: &mut Issues) -> Option<T> {
    let absent = T::absent();
    if absent.is_none() {
        issues.wrong(at, "Field required");
    }
    absent
}

/// A field as the contract shows it.
pub(crate) struct Described {
    pub(crate) name: &'static str,
    /// The lines of its doc comment.
    pub(crate) doc: &'static [&'static str],
    pub(crate) schema: Schema,
    pub(crate) required: bool,
}

/// The schema of a [`Fields`] struct.
pub(crate) fn object_schema(doc: &[&str], fields: Vec<Described>) -> Schema {
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let mut properties = Map::new();
    for mut field in fields {
        field
            .schema
            .insert("description".to_owned(), paragraphs(field.doc).into());
        properties.insert(field.name.to_owned(), field.schema.to_value());
    }
    json_schema!({
        "description": paragraphs(doc),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The text of a doc comment: lines joined, paragraphs apart.
fn paragraphs(doc: &[&str]) -> String {
    let paragraph = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" ")
    };
    doc.split(|line| line.trim().is_empty())
        .map(paragraph)
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Declares a struct whose fields are decoded by name: `fields! { /// doc … struct Name { … } }`.
macro_rules! fields {
    (
        $(#[doc = $about:literal])*
        $(#[derive($derived:ident)])?
        $visibility:vis struct $name:ident {
            $( $(#[doc = $doc:literal])* $(#[expect $lint:tt])*
               $field_visibility:vis $field:ident : $type:ty, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug)]
        $(#[derive($derived)])?
        $visibility struct $name {
            $( $(#[doc = $doc])* $(#[expect $lint])* $field_visibility $field: $type, )*
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let fields = vec![$( $crate::params::Described {
                    name: stringify!($field),
                    doc: &[$( $doc ),*],
                    schema: <$type as $crate::params::Field>::schema(_generator),
                    required: <$type as $crate::params::Field>::absent().is_none(),
                } ),*];
                $crate::params::object_schema(&[$( $about ),*], fields)
            }

            fn inline_schema() -> bool {
                true
            }
        }

        impl $crate::params::Fields for $name {
            const NAMES: &'static [&'static str] = &[$( stringify!($field) ),*];

            fn from_entries(
                entries: impl Iterator<Item = (String, serde_json::Value)>,
                at: &$crate::params::At<'_>,
                issues: &mut $crate::params::Issues,
            ) -> Option<Self> {
                // The outer option says whether it was given, the inner one whether it was right.
                $( let mut $field: Option<Option<$type>> = None; )*
                for (key, _value) in entries {
                    let position = Self::NAMES.iter().position(|name| *name == key);
                    let at = at.field(&key, position.unwrap_or(usize::MAX));
                    match key.as_str() {
                        $( stringify!($field) => {
                            $field = Some($crate::params::Field::decode(_value, &at, issues));
                        } )*
                        _ => issues.wrong(&at, "Field was not expected"),
                    }
                }
                $( let $field = $field.unwrap_or_else(|| {
                    let at = at.field(stringify!($field), usize::MAX);
                    $crate::params::absent(&at, issues)
                }); )*
                Some(Self { $( $field: $field?, )* })
            }
        }
    };
}

pub(crate) use fields;
