//! What is done with a request, in the order of Caddy and in the form of `described`.

use crate::described::sort_alike;

/// What is done with a request.
pub enum Step {
    Line(String),
    If(String, Vec<Step>),
    /// The first whose condition holds.
    First(Vec<(Option<String>, Vec<Step>)>),
}

/// The order of those of Caddy's directives that stand in a site, in its own list.
const ORDER: [&str; 11] = [
    "root",
    "header",
    "request_body",
    "redir",
    "rewrite",
    "request_header",
    "encode",
    "handle",
    "error",
    "reverse_proxy",
    "file_server",
];

/// Steps in the order in which Caddy runs their directives.
pub fn ordered(mut steps: Vec<(&'static str, Step)>) -> Vec<Step> {
    steps.sort_by_key(|(directive, _)| ORDER.iter().position(|known| known == directive));
    steps.into_iter().map(|(_, step)| step).collect()
}

pub fn line(text: impl Into<String>) -> Step {
    Step::Line(text.into())
}

/// Writes steps as `described` does.
pub fn print(steps: &[Step], indent: usize, text: &mut String) {
    let begin = |text: &mut String, line: &str| {
        *text += &format!("\n{:indent$}{line}", "");
    };
    for step in steps {
        match step {
            Step::Line(line) => begin(text, line),
            Step::If(condition, inner) => match &inner[..] {
                [Step::Line(line)] => begin(text, &format!("{condition}: {line}")),
                inner => {
                    begin(text, condition);
                    print(inner, indent + 5, text);
                }
            },
            Step::First(routes) => match &routes[..] {
                [(None, inner)] => print(inner, indent, text),
                [(Some(condition), inner)] => {
                    begin(text, condition);
                    print(inner, indent + 5, text);
                }
                routes => {
                    let nested = routes.iter().map(|(condition, inner)| {
                        let mut nested = String::new();
                        print(inner, indent + 5, &mut nested);
                        (condition.clone(), nested)
                    });
                    let mut routes: Vec<(Option<String>, String)> = nested.collect();
                    sort_alike(&mut routes);
                    for (number, (condition, nested)) in routes.iter().enumerate() {
                        let number = number + 1;
                        match condition {
                            Some(condition) => {
                                begin(text, &format!("{number}. {condition}{nested}"))
                            }
                            None => begin(text, &format!("{number}. {}", nested.trim_start())),
                        }
                    }
                }
            },
        }
    }
}
