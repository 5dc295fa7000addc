//! The short format: `[<namespace>/]<name>[@<interface>]`, separated by commas (B3.20–B3.26).

use super::{SelectionElement, SelectionError};
use crate::check::{self, NAMESPACE_LIMIT, OBJECT_NAME_LIMIT, ValueError};
use crate::text::quoted;

/// Reads the whole list.
pub(super) fn parse(
    text: &str,
    default_namespace: &str,
) -> Result<Vec<SelectionElement>, SelectionError> {
    text.split(',')
        .enumerate()
        .map(|(index, item)| parse_item(index, item.trim(), default_namespace))
        .collect()
}

fn parse_item(
    index: usize,
    item: &str,
    default_namespace: &str,
) -> Result<SelectionElement, SelectionError> {
    if item.is_empty() {
        return Err(SelectionError::EmptyItem { index });
    }
    let too_many = |separator| SelectionError::Separator {
        index,
        item: quoted(item),
        separator,
    };
    let wrong = |part, problem: ValueError| SelectionError::Part {
        index,
        item: quoted(item),
        part,
        problem,
    };

    let (namespace, rest) = match item.split_once('/') {
        None => ("", item),
        Some((_, rest)) if rest.contains('/') => return Err(too_many('/')),
        Some((namespace, rest)) => (namespace.trim(), rest),
    };
    let (name, interface) = match rest.split_once('@') {
        None => (rest.trim(), ""),
        Some((_, interface)) if interface.contains('@') => return Err(too_many('@')),
        Some((name, interface)) => (name.trim(), interface.trim()),
    };

    let mut element = SelectionElement::new(default_namespace, name);
    if !namespace.is_empty() {
        check::label(namespace, NAMESPACE_LIMIT).map_err(|problem| wrong("namespace", problem))?;
        namespace.clone_into(&mut element.namespace);
    }
    check::label(name, OBJECT_NAME_LIMIT).map_err(|problem| wrong("name", problem))?;
    if !interface.is_empty() {
        check::interface(interface).map_err(|problem| wrong("interface", problem))?;
        element.interface = Some(interface.to_owned());
    }
    Ok(element)
}
