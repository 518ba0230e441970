//! What has to hold of a rule beyond its form.

use std::collections::HashSet;

use super::{Component, ConfigFact, Evidence, Rule, Shape, VersionFrom, VersionSource};

/// Something wrong with a rule, and the text in it that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The text to look for, from the outside in: `["components", "server"]`.
    pub(crate) at: Vec<String>,
    /// What is wrong, and what to do about it.
    pub message: String,
}

/// Limits, so that no rule makes the others slow.
const ITEMS_MAX: usize = 2_000;
const ITEM_BYTES_MAX: usize = 253;
const PATTERN_BYTES_MAX: usize = 200;
const COMPONENTS_MAX: usize = 60;

/// Everything that is wrong with a rule.
pub fn check(rule: &Rule) -> Vec<Flaw> {
    let mut flaws = Flaws(Vec::new());
    if !is_id(&rule.id) {
        flaws.push(
            &["id", &rule.id],
            format!("{:?} is no id: use a-z, 0-9 and dashes", rule.id),
        );
    }
    for (field, value) in [("name", &rule.name), ("category", &rule.category)] {
        if value.trim().is_empty() {
            flaws.push(&[field], format!("{field} is empty"));
        }
    }
    if !rule.home.is_empty() && !rule.home.starts_with("https://") {
        flaws.push(&["home"], "home is no https:// address".to_owned());
    }
    let mut items = 0;
    for (list, blocks) in [
        ("anchors", &rule.anchors),
        ("supports", &rule.supports),
        ("excludes", &rule.excludes),
    ] {
        items += flaws.blocks(&[list], blocks);
    }
    flaws.components(&rule.components, &mut items);
    if items > ITEMS_MAX {
        flaws.push(
            &["id"],
            format!("{items} items of evidence are more than {ITEMS_MAX}"),
        );
    }
    let has_anchor =
        !rule.anchors.is_empty() || rule.components.iter().any(|part| !part.anchors.is_empty());
    if !has_anchor {
        flaws.push(
            &["id"],
            "no anchors: state what can be had of nothing else".to_owned(),
        );
    }
    let parts: HashSet<&str> = rule
        .components
        .iter()
        .map(|part| part.id.as_str())
        .collect();
    let known = |part: &Option<String>| part.as_ref().is_none_or(|id| parts.contains(id.as_str()));
    for source in &rule.version {
        flaws.version(source, known(&source.component));
    }
    for fact in &rule.config {
        flaws.config(fact, known(&fact.component));
    }
    for edition in &rule.editions {
        for part in &edition.components {
            if !parts.contains(part.as_str()) {
                flaws.push(
                    &["editions", part],
                    format!("there is no component {part:?}"),
                );
            }
        }
    }
    for (list, examples) in [
        ("examples", &rule.examples),
        ("counter-examples", &rule.counter_examples),
    ] {
        for example in examples {
            if example.objects.is_empty() {
                flaws.push(
                    &[list, &example.title],
                    "an example without objects".to_owned(),
                );
            }
        }
    }
    flaws.0
}

struct Flaws(Vec<Flaw>);

impl Flaws {
    fn push(&mut self, at: &[&str], message: String) {
        let at = at.iter().map(|&part| part.to_owned()).collect();
        self.0.push(Flaw { at, message });
    }

    fn components(&mut self, components: &[Component], items: &mut usize) {
        if components.len() > COMPONENTS_MAX {
            let count = components.len();
            self.push(
                &["components"],
                format!("{count} components are more than {COMPONENTS_MAX}"),
            );
        }
        let mut seen = HashSet::new();
        for part in components {
            if !is_id(&part.id) {
                let message = format!("{:?} is no id: use a-z, 0-9 and dashes", part.id);
                self.push(&["components", &part.id], message);
            }
            if !seen.insert(&part.id) {
                self.push(
                    &["components", &part.id],
                    format!("component {:?} is there twice", part.id),
                );
            }
            if part.anchors.is_empty() && part.supports.is_empty() {
                self.push(
                    &["components", &part.id],
                    "a component without evidence".to_owned(),
                );
            }
            *items += self.blocks(&["components", &part.id], &part.anchors);
            *items += self.blocks(&["components", &part.id], &part.supports);
        }
    }

    fn blocks(&mut self, at: &[&str], blocks: &[Evidence]) -> usize {
        let mut items = 0;
        for block in blocks {
            if block
                .weight
                .is_some_and(|weight| !(1..=9).contains(&weight))
            {
                self.push(
                    &[at, &["weight"]].concat(),
                    "a weight is a number from 1 to 9".to_owned(),
                );
            }
            let lists = block.lists();
            let count =
                block.shapes.len() + lists.iter().map(|(_, list)| list.len()).sum::<usize>();
            if count == 0 {
                self.push(at, "a block without evidence".to_owned());
            }
            items += count;
            for (name, list) in lists {
                for item in list {
                    if let Some(message) = objection(name, item) {
                        self.push(&[at, &[name, item]].concat(), message);
                    }
                }
            }
            for shape in &block.shapes {
                self.shape(at, shape);
            }
        }
        items
    }

    fn shape(&mut self, at: &[&str], shape: &Shape) {
        let at = [at, &["shapes"]].concat();
        let items = shape.items();
        if items < 2 {
            let message = "a shape of fewer than two items says little: add some".to_owned();
            self.push(&at, message);
        }
        if items > 32 {
            self.push(
                &at,
                format!("{items} items are more than the 32 a shape may have"),
            );
        }
        if let Some(least) = shape.at_least
            && (least < 2 || usize::from(least) > items)
        {
            self.push(
                &[&at[..], &["at-least"]].concat(),
                format!("at-least is 2 to {items} here"),
            );
        }
        let lists = [
            ("containers", &shape.containers),
            ("commands", &shape.commands),
            ("args", &shape.args),
            ("envs", &shape.envs),
            ("ports", &shape.ports),
        ];
        for (name, list) in lists {
            for item in list {
                if let Some(message) = objection(name, item) {
                    self.push(&[&at[..], &[name, item]].concat(), message);
                }
            }
        }
    }

    fn version(&mut self, source: &VersionSource, component_is_known: bool) {
        use VersionFrom::{Annotation, Arg, Configmap, CrdAnnotation, CrdLabel, Field, Label};
        let (needs_name, needs_key) = match source.from {
            CrdLabel | CrdAnnotation | Configmap | Field => (true, true),
            Label | Annotation | Arg => (false, true),
            _ => (false, false),
        };
        if needs_key != source.key.is_some() || needs_name != source.name.is_some() {
            let which = match (needs_name, needs_key) {
                (true, _) => "needs a name and a key",
                (_, true) => "needs a key and no name",
                _ => "has neither name nor key",
            };
            self.push(&["version", "from"], format!("{:?} {which}", source.from));
        }
        if !component_is_known {
            let part = source.component.as_deref().unwrap_or_default();
            self.push(
                &["version", part],
                format!("there is no component {part:?}"),
            );
        }
        if let Some(pattern) = &source.pattern {
            if pattern.len() > PATTERN_BYTES_MAX {
                self.push(
                    &["version", "pattern"],
                    format!("longer than {PATTERN_BYTES_MAX} bytes"),
                );
            }
            match crate::pattern::compile(pattern) {
                Ok(regex) if regex.captures_len() < 2 => {
                    self.push(
                        &["version", pattern],
                        "a pattern without a group: put the version in ( )".to_owned(),
                    );
                }
                Ok(_) => {}
                Err(error) => self.push(
                    &["version", pattern],
                    format!("no regular expression: {error}"),
                ),
            }
        }
    }

    fn config(&mut self, fact: &ConfigFact, component_is_known: bool) {
        let sources = [&fact.arg, &fact.path, &fact.label];
        if sources.iter().filter(|source| source.is_some()).count() != 1 {
            self.push(
                &["config", &fact.key],
                "a fact has one of arg, path and label".to_owned(),
            );
        }
        if fact.resource.is_some() && fact.path.is_none() {
            self.push(&["config", &fact.key], "resource goes with path".to_owned());
        }
        if !component_is_known {
            let part = fact.component.as_deref().unwrap_or_default();
            self.push(&["config", part], format!("there is no component {part:?}"));
        }
        if let Some(path) = &fact.path
            && path
                .split('.')
                .any(|part| matches!(part, "" | "env" | "envFrom" | "data" | "stringData"))
        {
            let message = "env and data are never read: they may hold secrets".to_owned();
            self.push(&["config", path], message);
        }
        if fact
            .resource
            .as_deref()
            .is_some_and(|kind| kind.split('.').next() == Some("Secret"))
        {
            self.push(&["config", &fact.key], "Secrets are never read".to_owned());
        }
    }
}

/// What is wrong with one item of a list of that name.
fn objection(list: &str, item: &str) -> Option<String> {
    if item.is_empty() || item.len() > ITEM_BYTES_MAX || item.chars().any(char::is_control) {
        return Some(format!(
            "an item has 1 to {ITEM_BYTES_MAX} characters on one line"
        ));
    }
    let spaced = item.contains(char::is_whitespace);
    let bad = match list {
        "images" => {
            let starts = item.starts_with('/') || item.ends_with('/');
            if starts || spaced || item.contains(['@', '*']) {
                Some("the end of a repository, such as jetstack/cert-manager-controller")
            } else if item
                .rsplit('/')
                .next()
                .is_some_and(|last| last.contains(':'))
            {
                Some("a repository without its tag")
            } else if item != item.to_lowercase() {
                Some("a repository, which is lower case")
            } else {
                None
            }
        }
        "envs" => {
            let name = item.strip_suffix('*').unwrap_or(item);
            (name.contains('*') || (item.ends_with('*') && !name.ends_with('_')))
                .then_some("a name, or the beginning of one up to an underscore, such as GF_*")
        }
        "ports" | "service-ports" => {
            let (name, number) = match item.rsplit_once(':') {
                Some((name, number)) => (Some(name), number),
                None => (None, item),
            };
            let is_number = number.parse::<u16>().is_ok_and(|port| port > 0);
            (name.is_some_and(str::is_empty) || (name.is_some() && !is_number) || spaced)
                .then_some("9090, http-web or http-web:9090")
        }
        "crds" => (!item.contains('.') || spaced)
            .then_some("a full name, such as certificates.cert-manager.io"),
        "resources" | "owners" => {
            let kind = item.starts_with(|c: char| c.is_ascii_uppercase());
            (!kind || !item.contains('.') || spaced)
                .then_some("Kind.group, such as Prometheus.monitoring.coreos.com")
        }
        "commands" => item.contains('/').then_some("a program without its folder"),
        "names" => item
            .split_once('/')
            .is_some_and(|(kind, name)| {
                name.is_empty() || !kind.starts_with(|c: char| c.is_ascii_uppercase())
            })
            .then_some("name or Kind/name"),
        _ => None,
    };
    bad.map(|expected| format!("{item:?} in {list}: expected {expected}"))
}

fn is_id(id: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty()
        && id.len() <= 63
        && id.chars().all(is_word)
        && !id.starts_with('-')
        && !id.ends_with('-')
}

/// Line and column of a flaw: each text is looked for behind the one before it.
pub(crate) fn locate(text: &str, at: &[String]) -> (u64, u64) {
    let mut from = 0;
    for part in at {
        if let Some(found) = text.get(from..).and_then(|rest| rest.find(part.as_str())) {
            from += found;
        }
    }
    let before = &text[..from];
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() as u64 + 1;
    (line, column)
}

impl Evidence {
    /// Its lists of texts, by their names in YAML.
    pub(crate) fn lists(&self) -> [(&'static str, &Vec<String>); 17] {
        let Self {
            weight: _,
            images,
            shapes: _,
            ports,
            names,
            labels,
            annotations,
            charts,
            packages,
            crds,
            crd_groups,
            resources,
            owners,
            services,
            service_ports,
            webhooks,
            apiservices,
            classes,
            accounts,
        } = self;
        [
            ("images", images),
            ("ports", ports),
            ("names", names),
            ("labels", labels),
            ("annotations", annotations),
            ("charts", charts),
            ("packages", packages),
            ("crds", crds),
            ("crd-groups", crd_groups),
            ("resources", resources),
            ("owners", owners),
            ("services", services),
            ("service-ports", service_ports),
            ("webhooks", webhooks),
            ("apiservices", apiservices),
            ("classes", classes),
            ("accounts", accounts),
        ]
    }
}

impl Shape {
    /// How many items there are; alternatives are one.
    pub(crate) fn items(&self) -> usize {
        usize::from(!self.containers.is_empty())
            + usize::from(!self.commands.is_empty())
            + self.args.len()
            + self.envs.len()
            + self.ports.len()
    }
}
