//! The part of a pod's template that is evidence, borrowed from its text.
//!
//! Values of environment variables are not read.

use std::borrow::Cow;

use super::json::Walk;

/// How many items of a list are looked at.
const LIST_MAX: usize = 512;

type Text<'a> = Cow<'a, str>;

/// Key and value pairs.
pub(crate) type Pairs<'a> = Vec<(Text<'a>, Text<'a>)>;

/// Walks over an object, a member at a time.
macro_rules! members {
    ($walk:expr, { $($key:literal => $take:expr),* $(,)? }) => {
        if $walk.enter(b'{') {
            while let Some(key) = $walk.key() {
                match &*key {
                    $($key => $take,)*
                    _ => $walk.skip(),
                }
            }
        }
    };
}

/// A pod's `spec`.
#[derive(Debug, Default)]
pub(crate) struct PodSpec<'a> {
    /// Its containers, then its sidecars: init containers that start again and
    /// again. Others do something once and say nothing.
    pub(crate) containers: Vec<Container<'a>>,
    pub(crate) account: Text<'a>,
}

#[derive(Debug, Default)]
pub(crate) struct Container<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) image: Text<'a>,
    pub(crate) command: Vec<Text<'a>>,
    pub(crate) args: Vec<Text<'a>>,
    /// Names only.
    pub(crate) envs: Vec<Text<'a>>,
    pub(crate) ports: Vec<Port<'a>>,
    always: bool,
}

/// A port of a container or a Service.
#[derive(Debug, Default)]
pub(crate) struct Port<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) number: Text<'a>,
}

/// Names of a pod's containers, and the digests of the images that run in them.
pub(crate) fn running(status: &str) -> Pairs<'_> {
    let mut running = Vec::new();
    let walk = &mut Walk::new(status);
    members!(walk, {
        "containerStatuses" => list(walk, &mut running, status_of),
        "initContainerStatuses" => list(walk, &mut running, status_of),
    });
    running
}

fn status_of<'a>(walk: &mut Walk<'a>) -> (Text<'a>, Text<'a>) {
    let (mut name, mut id) = (Text::default(), Text::default());
    members!(walk, { "name" => name = walk.text(), "imageID" => id = walk.text() });
    (name, id)
}

/// Metadata and spec of a template.
#[derive(Debug, Default)]
pub(crate) struct Template<'a> {
    /// As they are written.
    pub(crate) labels: &'a str,
    pub(crate) annotations: Pairs<'a>,
    pub(crate) spec: PodSpec<'a>,
}

fn list<'a, T>(walk: &mut Walk<'a>, out: &mut Vec<T>, mut take: impl FnMut(&mut Walk<'a>) -> T) {
    if walk.enter(b'[') {
        while walk.element() {
            if out.len() < LIST_MAX {
                out.push(take(walk));
            } else {
                walk.skip();
            }
        }
    }
}

impl<'a> PodSpec<'a> {
    /// Reads `spec` of a pod.
    pub(crate) fn read(text: &'a str) -> Self {
        Self::walk(&mut Walk::new(text))
    }

    fn walk(walk: &mut Walk<'a>) -> Self {
        let mut spec = Self::default();
        let mut sidecars = Vec::new();
        members!(walk, {
            "containers" => list(walk, &mut spec.containers, Container::walk),
            "initContainers" => list(walk, &mut sidecars, Container::walk),
            "serviceAccountName" => spec.account = walk.text(),
        });
        sidecars.retain(|container| container.always);
        spec.containers.append(&mut sidecars);
        spec
    }
}

impl<'a> Container<'a> {
    /// One of which nothing but the image is known.
    pub(crate) fn of_image(image: Text<'a>) -> Self {
        Self {
            image,
            ..Self::default()
        }
    }

    fn walk(walk: &mut Walk<'a>) -> Self {
        let mut container = Self::default();
        members!(walk, {
            "name" => container.name = walk.text(),
            "image" => container.image = walk.text(),
            "command" => list(walk, &mut container.command, Walk::text),
            "args" => list(walk, &mut container.args, Walk::text),
            "env" => list(walk, &mut container.envs, name),
            "ports" => list(walk, &mut container.ports, Port::walk),
            "restartPolicy" => container.always = walk.text() == "Always",
        });
        container
    }
}

fn name<'a>(walk: &mut Walk<'a>) -> Text<'a> {
    let mut name = Text::default();
    members!(walk, { "name" => name = walk.text() });
    name
}

impl<'a> Port<'a> {
    /// Reads the `ports` of a Service.
    pub(crate) fn read_all(text: &'a str) -> Vec<Self> {
        let mut ports = Vec::new();
        list(&mut Walk::new(text), &mut ports, Self::walk);
        ports
    }

    fn walk(walk: &mut Walk<'a>) -> Self {
        let mut port = Self::default();
        members!(walk, {
            "name" => port.name = walk.text(),
            "containerPort" => port.number = walk.text(),
            "port" => port.number = walk.text(),
        });
        port
    }
}

impl<'a> Template<'a> {
    /// Reads `spec` of a Deployment and its like.
    pub(crate) fn read(text: &'a str) -> Self {
        Self::templated(&mut Walk::new(text))
    }

    /// Reads `spec` of a CronJob.
    pub(crate) fn read_cron(text: &'a str) -> Self {
        let mut template = Self::default();
        let walk = &mut Walk::new(text);
        members!(walk, {
            "jobTemplate" => members!(walk, { "spec" => template = Self::templated(walk) }),
        });
        template
    }

    fn templated(walk: &mut Walk<'a>) -> Self {
        let mut template = Self::default();
        members!(walk, { "template" => members!(walk, {
            "metadata" => members!(walk, {
                "labels" => template.labels = walk.raw(),
                "annotations" => template.annotations = pairs(walk),
            }),
            "spec" => template.spec = PodSpec::walk(walk),
        }) });
        template
    }

    /// Its labels, key by key.
    pub(crate) fn label_pairs(&self) -> Pairs<'a> {
        pairs(&mut Walk::new(self.labels))
    }
}

fn pairs<'a>(walk: &mut Walk<'a>) -> Pairs<'a> {
    let mut pairs = Vec::new();
    if walk.enter(b'{') {
        while let Some(key) = walk.key() {
            let value = walk.text();
            if pairs.len() < LIST_MAX {
                pairs.push((key, value));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_whatever_surrounds_them() {
        let spec = r#"{"replicas":2,"template":{"metadata":{"labels":{"a":"b"},"annotations":null},
            "spec":{"initContainers":[{"name":"once"},{"name":"side","restartPolicy":"Always"}],
            "volumes":[{"x":{"containers":[{"name":"no"}]}}],
            "containers":[{"name":"c","image":"i:1","args":["--a",5,null],"env":[{"name":"E","value":"secret"}],
            "ports":[{"containerPort":80,"name":"http"}],"command":null,"resources":{}}],
            "serviceAccountName":"sa"}}}"#;
        let template = Template::read(spec);
        assert_eq!(template.label_pairs(), [("a".into(), "b".into())]);
        let names: Vec<&str> = template.spec.containers.iter().map(|c| &*c.name).collect();
        assert_eq!(names, ["c", "side"]);
        let container = &template.spec.containers[0];
        assert_eq!(container.args, ["--a", "5", ""]);
        assert_eq!(container.envs, ["E"]);
        assert_eq!(
            (&*container.ports[0].name, &*container.ports[0].number),
            ("http", "80")
        );
        assert_eq!(template.spec.account, "sa");
        let cron = format!(r#"{{"schedule":"* * * * *","jobTemplate":{{"spec":{spec}}}}}"#);
        assert_eq!(Template::read_cron(&cron).spec.containers.len(), 2);
        assert!(Template::read("null").spec.containers.is_empty());
        assert!(PodSpec::read("[]").containers.is_empty());
    }
}
