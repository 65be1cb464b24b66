//! Holding a value against the table, and saying where it is not as it should be.

use std::fmt;

use serde_json::{Map, Value};

use crate::schema::shape::{Object, Type, Union};

/// One place where a value is not what the table says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) expected: String,
    /// The object it is in, as JSON, cut when it is long.
    pub(super) around: String,
}

const LONGEST_SHOWN: usize = 400;

/// Everything wrong with a value that is called `name` in the paths.
pub(super) fn check(name: &str, value: &Value, expected: Type) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(value, expected, Place { path: &Path::Root(name), within: value }, &mut findings);
    findings
}

/// The way to a value. It lies on the stack and becomes text only when there is something to say.
enum Path<'a> {
    Root(&'a str),
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path<'a>,
    /// The innermost object around it.
    within: &'a Value,
}

impl Place<'_> {
    fn finding(self, expected: String) -> Finding {
        let mut around = self.within.to_string();
        if around.len() > LONGEST_SHOWN {
            around.truncate(around.floor_char_boundary(LONGEST_SHOWN));
            around.push('…');
        }
        Finding { path: self.path.to_string(), expected, around }
    }
}

fn walk(value: &Value, expected: Type, place: Place<'_>, findings: &mut Vec<Finding>) {
    let wrong = match (expected, value) {
        (Type::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => return,
        (Type::Float, Value::Number(_)) => return,
        (Type::Text, Value::String(_)) | (Type::Boolean, Value::Bool(_)) | (Type::True, Value::Bool(true)) => return,
        (Type::Word(words), Value::String(word)) if words.contains(&word.as_str()) => return,
        (Type::Array(each), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let path = Path::Item(place.path, index);
                walk(item, *each, Place { path: &path, ..place }, findings);
            }
            return;
        }
        (Type::Object(object), Value::Object(fields)) => {
            let place = Place { within: value, ..place };
            return walk_object(fields, object, place, findings);
        }
        (Type::Union(union), Value::Object(fields)) => {
            let place = Place { within: value, ..place };
            match variant(fields, union) {
                Some(object) => return walk_object(fields, object, place, findings),
                None => format!("a {} that says by its `{}` which it is", union.name, union.tag),
            }
        }
        _ => described(expected),
    };
    findings.push(place.finding(wrong));
}

fn walk_object(fields: &Map<String, Value>, object: &Object, place: Place<'_>, findings: &mut Vec<Finding>) {
    let mut required_found = 0;
    for (name, value) in fields {
        let known = |list: &'static [(&str, Type)]| list.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind);
        let path = Path::Field(place.path, name);
        let place = Place { path: &path, ..place };
        if let Some(expected) = known(object.required) {
            required_found += 1;
            walk(value, expected, place, findings);
        } else if let Some(expected) = known(object.optional) {
            walk(value, expected, place, findings);
        } else {
            findings.push(place.finding(format!("no such field in a {}", object.name)));
        }
    }
    if required_found < object.required.len() {
        for (name, expected) in object.required.iter().filter(|(name, _)| !fields.contains_key(*name)) {
            let path = Path::Field(place.path, name);
            let place = Place { path: &path, ..place };
            findings.push(place.finding(format!("{}, for every {} has it", described(*expected), object.name)));
        }
    }
    if !object.exactly_one.is_empty() {
        let present = object.exactly_one.iter().filter(|name| fields.contains_key(**name)).count();
        if present != 1 {
            findings.push(place.finding(format!(
                "exactly one of {} in a {}, not {present}",
                object.exactly_one.join(", "),
                object.name
            )));
        }
    }
}

fn variant(fields: &Map<String, Value>, union: &Union) -> Option<&'static Object> {
    let tag = match fields.get(union.tag) {
        Some(Value::String(word)) => word.as_str(),
        Some(Value::Number(number)) if number.as_i64() == Some(0) => "0",
        _ => "",
    };
    union.variants.iter().find(|(value, _)| *value == tag).map(|(_, object)| *object).or(union.otherwise)
}

fn described(expected: Type) -> String {
    match expected {
        Type::Integer => "an integer".to_owned(),
        Type::Float => "a number".to_owned(),
        Type::Text => "a string".to_owned(),
        Type::Boolean => "true or false".to_owned(),
        Type::True => "true, or no such field".to_owned(),
        Type::Word(words) => format!("one of {}", words.join(", ")),
        Type::Array(each) => format!("an array, each of it {}", described(*each)),
        Type::Object(object) => format!("a {}", object.name),
        Type::Union(union) => format!("a {}", union.name),
    }
}

#[cfg(test)]
mod tests;
