//! YAML as JSON text: scalars keep their digits, so that no float lies between a price and its rate.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::import::ImportError;

/// Values in one document, aliases resolved: a configuration has thousands; more is an alias bomb.
const VALUES_MAX: usize = 200_000;
/// How deep values nest: configurations stay under ten.
const DEPTH_MAX: usize = 64;

enum Node {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The first document of a YAML text as JSON text.
pub(crate) fn to_json(text: &str) -> Result<String, ImportError> {
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: Vec::new(), values: 0 };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok("null".to_owned()),
            first => {
                let mut json = String::new();
                write(&reader.node(first, 0)?, &mut json);
                return Ok(json);
            }
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// JSON text of what an anchor stands for, by the anchor's number.
    anchors: Vec<(usize, String)>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, ImportError> {
        match self.events.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(ImportError::Malformed(error.to_string())),
            None => Ok(Event::StreamEnd),
        }
    }
    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, ImportError> {
        self.values += 1;
        if self.values > VALUES_MAX || depth > DEPTH_MAX {
            return Err(ImportError::Malformed("too many or too deeply nested values".to_owned()));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (Node::Scalar(scalar(&text, style)), anchor),
            Event::Alias(anchor) => {
                let found = self.anchors.iter().find(|(number, _)| *number == anchor);
                let json = found.map_or_else(|| "null".to_owned(), |(_, json)| json.clone());
                // What an alias stands for counts with its size, so that aliases of aliases cannot grow without end.
                self.values += json.len() / 8;
                (Node::Scalar(json), 0)
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(ImportError::Malformed("a value is missing".to_owned())),
        };
        if anchor > 0 {
            let mut json = String::new();
            write(&node, &mut json);
            self.anchors.push((anchor, json));
        }
        Ok(node)
    }
    fn list(&mut self, depth: usize) -> Result<Node, ImportError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Node::List(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }
    fn map(&mut self, depth: usize) -> Result<Node, ImportError> {
        let mut fields = Vec::new();
        loop {
            let name = match self.next()? {
                Event::MappingEnd => return Ok(Node::Map(fields)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(ImportError::Malformed("a field's name is not a text".to_owned())),
            };
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            fields.push((name, value));
        }
    }
}

/// A plain number, `true`, `false` or `null` as itself, whatever else as a JSON string.
fn scalar(text: &str, style: ScalarStyle) -> String {
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(text, "true" | "false" | "null") {
        return text.to_owned();
    }
    if plain && matches!(text, "" | "~") {
        return "null".to_owned();
    }
    if plain && serde_json::from_str::<serde_json::Number>(text).is_ok() {
        return text.to_owned();
    }
    quoted(text)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn write(node: &Node, json: &mut String) {
    match node {
        Node::Scalar(text) => json.push_str(text),
        Node::List(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                write(item, json);
            }
            json.push(']');
        }
        Node::Map(fields) => {
            json.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                json.push_str(&quoted(name));
                json.push(':');
                write(value, json);
            }
            json.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_survive_and_aliases_resolve() {
        let text = "a: &x {price: 2.5e-06, on: true}\nb: [*x, '1', ~, text]\n";
        let json = r#"{"a":{"price":2.5e-06,"on":true},"b":[{"price":2.5e-06,"on":true},"1",null,"text"]}"#;
        assert_eq!(to_json(text), Ok(json.to_owned()));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            let before = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(",")));
        }
        assert!(matches!(to_json(&text), Err(ImportError::Malformed(_))));
        assert!(to_json("a: [1").is_err());
    }
}
