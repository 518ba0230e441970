//! One object against the tables.

use std::borrow::Cow;

use meshsync_model::Object;
use meshsync_model::text::{ElementIter, JsonStr, member_of};

use super::helm::Release;
use super::pod::{Container, Pairs, PodSpec, Port, Template, running};
use super::subject::Subject;
use crate::catalog::{Catalog, Feature, Posting};
use crate::image::{Image, plainly_called};

/// The container number of evidence that belongs to the object as a whole.
pub(crate) const WHOLE: u8 = u8::MAX;

/// How many bytes of a script, and how many words of it, are looked at.
const SCRIPT_BYTES_MAX: usize = 4 << 10;
const SCRIPT_WORDS_MAX: usize = 64;
/// How much of a value a verdict repeats.
const VALUE_CHARS_MAX: usize = 120;

/// An item of some rule that an object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) item: u32,
    pub(crate) container: u8,
    /// Less, where only a part of a name fits.
    pub(crate) weight: u8,
    pub(crate) value: Box<str>,
}

/// What was read of an object, for whoever goes on with its hits.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    pub(crate) containers: Vec<Container<'a>>,
    pub(crate) template_labels: Pairs<'a>,
    pub(crate) template_annotations: Pairs<'a>,
    /// Namespaces and names of the Services that webhooks call.
    pub(crate) services: Vec<String>,
    /// Containers of a pod, and what the node says of their images.
    pub(crate) running: Pairs<'a>,
    /// What Helm keeps of a release.
    pub(crate) release: Option<Release>,
}

/// Looks keys up and keeps what they lead to; reused from object to object.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    pub(crate) hits: Vec<Hit>,
    /// Items seen of each shape in the container at hand.
    masks: Vec<u32>,
    touched: Vec<u32>,
    /// A key in the making.
    key: String,
}

/// A scanner at work on one object.
struct Scan<'s, 'c> {
    catalog: &'c Catalog,
    out: &'s mut Scanner,
    container: u8,
}

impl Scanner {
    /// Fills `hits` with what the catalog knows of the object.
    pub(crate) fn scan<'a>(
        &mut self,
        catalog: &Catalog,
        subject: Subject,
        group: &str,
        kind: &str,
        object: &Object<'a>,
        is_copy: bool,
    ) -> Reading<'a> {
        self.hits.clear();
        self.masks.resize(catalog.shapes.len(), 0);
        let mut scan = Scan {
            catalog,
            out: self,
            container: WHOLE,
        };
        if is_copy {
            return scan.copy(object);
        }
        scan.object(subject, group, kind, object)
    }
}

impl Scan<'_, '_> {
    fn object<'a>(
        &mut self,
        subject: Subject,
        group: &str,
        kind: &str,
        object: &Object<'a>,
    ) -> Reading<'a> {
        let mut reading = Reading::default();
        let name = object.name();
        let spec = object.member("spec").unwrap_or("{}");
        match subject {
            Subject::Workload | Subject::CronJob | Subject::Pod => {
                self.workload(subject, kind, object, spec, &mut reading);
            }
            Subject::Csv => self.csv(kind, object, spec, &mut reading),
            Subject::Service => {
                self.affixed(Feature::Service, name);
                let ports = member_of(spec, "ports").unwrap_or("[]");
                for port in Port::read_all(ports) {
                    self.port(&port.name, &port.number, SERVICE_PORT);
                }
                self.labels(object);
            }
            Subject::Account => self.affixed(Feature::Account, name),
            Subject::Crd => {
                self.look(Feature::Crd, name, name);
                if let Some((_, group)) = name.split_once('.') {
                    self.look(Feature::CrdGroup, group, group);
                }
            }
            Subject::Webhooks => self.webhooks(object, &mut reading),
            Subject::ApiService => {
                self.look(Feature::ApiService, name, name);
                reading.services.extend(service_of(spec));
            }
            Subject::IngressClass => self.class(member_of(spec, "controller")),
            Subject::GatewayClass => self.class(member_of(spec, "controllerName")),
            Subject::StorageClass => self.class(object.member("provisioner")),
            Subject::CsiDriver => self.look(Feature::Class, name, name),
            Subject::Custom => {
                let resource = format!("{kind}.{group}");
                self.look(Feature::Resource, &resource, &resource);
                // Labels of resources that nobody asks for are nobody's evidence.
                if !self.out.hits.is_empty() {
                    self.labels(object);
                    self.declared(spec, &mut reading);
                }
            }
            Subject::ConfigMap => {}
            Subject::Release => {
                reading.release = Release::read(object);
                if let Some(release) = &reading.release {
                    let shown = format!("{} {}", release.chart, release.version);
                    self.look(Feature::ReleaseChart, &release.chart, &shown);
                }
            }
        }
        reading
    }

    /// A pod that something else describes: only what was injected into it is new.
    fn copy<'a>(&mut self, object: &Object<'a>) -> Reading<'a> {
        let mut reading = Reading::default();
        let spec = object.member("spec").unwrap_or("{}");
        self.containers(PodSpec::read(spec), &mut reading);
        // Of all that is in a pod, what its owner cannot say.
        reading.running = object.member("status").map(running).unwrap_or_default();
        reading
    }

    /// Looks up two texts and what is between them.
    fn look_joined(&mut self, feature: Feature, left: &str, between: char, right: &str) {
        let mut key = std::mem::take(&mut self.out.key);
        key.clear();
        key.push_str(left);
        key.push(between);
        key.push_str(right);
        self.look(feature, &key, &key);
        self.out.key = key;
    }

    fn look(&mut self, feature: Feature, text: &str, shown: &str) {
        self.look_less(feature, text, shown, 0);
    }

    fn look_less(&mut self, feature: Feature, text: &str, shown: &str, less: u8) {
        for posting in self.catalog.find(feature, text) {
            match *posting {
                Posting::Item(item) => {
                    let weight = self.catalog.item(item).weight.saturating_sub(less).max(1);
                    self.out.hits.push(Hit {
                        item,
                        container: self.container,
                        weight,
                        value: shortened(shown),
                    });
                }
                Posting::Shape { shape, slot } => {
                    let mask = &mut self.out.masks[shape as usize];
                    if *mask == 0 {
                        self.out.touched.push(shape);
                    }
                    *mask |= 1 << slot;
                }
            }
        }
    }

    /// A name, and what is left of it without the words in front of and behind it.
    fn affixed(&mut self, feature: Feature, name: &str) {
        self.look(feature, name, name);
        for (at, _) in name.match_indices('-') {
            self.look_less(feature, &name[at + 1..], name, 1);
            self.look_less(feature, &name[..at], name, 1);
        }
    }

    fn labels(&mut self, object: &Object<'_>) {
        for (key, value) in object.labels() {
            self.label(&key, &value);
        }
        for (key, value) in object.annotations() {
            self.annotation(&key, &value);
        }
    }

    fn label(&mut self, key: &str, value: &str) {
        self.look_joined(Feature::Label, key, '=', value);
        self.look(Feature::LabelKey, key, key);
        match key {
            "helm.sh/chart" | "chart" => self.look(Feature::Chart, chart_name(value), value),
            // olm.owner names a ClusterServiceVersion: `name.v1.2.3`.
            "olm.owner" => self.look(Feature::Package, package_name(value), value),
            _ => {}
        }
        if let Some(package) = key.strip_prefix("operators.coreos.com/") {
            let package = package.rsplit_once('.').map_or(package, |(name, _)| name);
            self.look(Feature::Package, package, key);
        }
    }

    fn annotation(&mut self, key: &str, value: &str) {
        if value.len() <= 253 {
            self.look_joined(Feature::Annotation, key, '=', value);
        }
        self.look(Feature::AnnotationKey, key, key);
    }

    fn class(&mut self, raw: Option<&str>) {
        if let Some(class) = raw.and_then(JsonStr::new) {
            let class = class.decode();
            self.look(Feature::Class, &class, &class);
        }
    }

    fn workload<'a>(
        &mut self,
        subject: Subject,
        kind: &str,
        object: &Object<'a>,
        spec: &'a str,
        reading: &mut Reading<'a>,
    ) {
        let template = match subject {
            Subject::Pod => Template {
                spec: PodSpec::read(spec),
                ..Template::default()
            },
            Subject::CronJob => Template::read_cron(spec),
            _ => Template::read(spec),
        };
        self.named(kind, object.name());
        self.labels(object);
        // Most often a template has the labels of its object, and has them last.
        if object.metadata("labels") != Some(template.labels) {
            reading.template_labels = template.label_pairs();
            for (key, value) in &reading.template_labels {
                self.label(key, value);
            }
        }
        for (key, value) in &template.annotations {
            self.annotation(key, value);
        }
        self.owner(object);
        self.pod(template.spec, reading);
        reading.template_annotations = template.annotations;
    }

    fn named(&mut self, kind: &str, name: &str) {
        self.affixed(Feature::Name, name);
        let kind_name = format!("{kind}/{name}");
        self.look(Feature::KindName, &kind_name, &kind_name);
        for (at, _) in name.match_indices('-') {
            self.look_less(
                Feature::KindName,
                &format!("{kind}/{}", &name[at + 1..]),
                name,
                1,
            );
        }
    }

    fn pod<'a>(&mut self, pod: PodSpec<'a>, reading: &mut Reading<'a>) {
        if !pod.account.is_empty() {
            self.affixed(Feature::Account, &pod.account);
        }
        self.containers(pod, reading);
    }

    fn containers<'a>(&mut self, pod: PodSpec<'a>, reading: &mut Reading<'a>) {
        for container in pod.containers {
            let at = u8::try_from(reading.containers.len()).unwrap_or(WHOLE);
            if at == WHOLE {
                break;
            }
            self.container = at;
            self.container(&container);
            reading.containers.push(container);
        }
        self.container = WHOLE;
    }

    fn container(&mut self, container: &Container<'_>) {
        self.image(&container.image);
        self.look(Feature::Container, &container.name, &container.name);
        for text in container.command.iter().take(1) {
            self.look(Feature::Command, program(text), text);
        }
        for (at, text) in container.args.iter().enumerate() {
            if at == 0 {
                self.look(Feature::Command, program(text), text);
            }
            self.arg(text);
        }
        for text in container.command.iter().skip(1) {
            self.arg(text);
        }
        for env in &container.envs {
            self.env(env);
        }
        for port in &container.ports {
            self.port(&port.name, &port.number, CONTAINER_PORT);
        }
        self.close_shapes(container);
    }

    fn image(&mut self, reference: &str) {
        let image = Image::parse(reference);
        let image = Image {
            path: plainly_called(image.path),
            ..image
        };
        for suffix in image.suffixes() {
            if suffix.contains('/') {
                self.look(Feature::ImageSuffix, suffix, reference);
            } else {
                let name = suffix.strip_prefix("mirrored-").unwrap_or(suffix);
                self.look(Feature::ImageBase, name, reference);
                self.look(Feature::ImageFlat, name, reference);
            }
        }
        if image.is_official() {
            self.look(
                Feature::ImageSuffix,
                &format!("library/{}", image.path),
                reference,
            );
        }
        if let Some(registry) = image.registry {
            self.look_joined(Feature::ImageSuffix, registry, '/', image.path);
        }
    }

    fn arg(&mut self, arg: &str) {
        if arg.contains(char::is_whitespace) {
            let end = arg.len().min(SCRIPT_BYTES_MAX);
            let script = arg.get(..end).unwrap_or_default();
            for word in script.split_whitespace().take(SCRIPT_WORDS_MAX) {
                let word = word.trim_matches(['"', '\'', ';', '\\']);
                self.word(word);
                if !word.starts_with('-') {
                    self.look(Feature::Command, program(word), word);
                }
            }
        } else {
            self.word(arg);
        }
    }

    fn word(&mut self, word: &str) {
        let bare = word.trim_start_matches('-');
        match bare.split_once('=') {
            Some((flag, _)) => {
                self.look(Feature::Arg, flag, word);
                self.look(Feature::ArgValue, bare, word);
            }
            None => self.look(Feature::Arg, bare, word),
        }
    }

    fn env(&mut self, name: &str) {
        self.look(Feature::Env, name, name);
        for (at, _) in name.match_indices('_') {
            self.look(Feature::EnvPrefix, &name[..=at], name);
        }
    }

    fn port(&mut self, name: &str, number: &str, [named, numbered, both]: [Feature; 3]) {
        if !number.is_empty() {
            self.look(numbered, number, number);
        }
        if !name.is_empty() {
            self.look(named, name, name);
            self.look_joined(both, name, ':', number);
        }
    }

    /// Which shapes the container at hand has, and a clean slate for the next.
    fn close_shapes(&mut self, container: &Container<'_>) {
        let touched = std::mem::take(&mut self.out.touched);
        for &at in &touched {
            let mask = std::mem::take(&mut self.out.masks[at as usize]);
            let shape = &self.catalog.shapes[at as usize];
            if mask.count_ones() >= u32::from(shape.at_least) {
                self.out.hits.push(Hit {
                    item: shape.item,
                    container: self.container,
                    weight: self.catalog.item(shape.item).weight,
                    value: shortened(&format!("container {}", container.name)),
                });
            }
        }
        self.out.touched = touched;
        self.out.touched.clear();
    }

    /// What an operator is told to run.
    fn declared<'a>(&mut self, spec: &'a str, reading: &mut Reading<'a>) {
        if let Some(image) = member_of(spec, "image").and_then(JsonStr::new) {
            let image = image.decode();
            self.container = 0;
            self.image(&image);
            self.container = WHOLE;
            reading.containers.push(Container::of_image(image));
        }
    }

    fn owner(&mut self, object: &Object<'_>) {
        if let Some(owner) = controller(object) {
            let shown = format!("{}.{}/{}", owner.kind, owner.group, owner.name);
            let key = format!("{}.{}", owner.kind, owner.group);
            self.look(Feature::Owner, &key, &shown);
        }
    }

    fn webhooks(&mut self, object: &Object<'_>, reading: &mut Reading<'_>) {
        self.affixed(Feature::Webhook, object.name());
        let hooks = object.member("webhooks").and_then(ElementIter::of_array);
        for hook in hooks.into_iter().flatten() {
            if let Some(name) = member_of(hook, "name").and_then(JsonStr::new) {
                let name = name.decode();
                self.look(Feature::Webhook, &name, &name);
            }
            let config = member_of(hook, "clientConfig").unwrap_or("{}");
            reading.services.extend(service_of(config));
        }
    }

    /// A ClusterServiceVersion says what OLM is going to install.
    fn csv<'a>(
        &mut self,
        kind: &str,
        object: &Object<'a>,
        spec: &'a str,
        reading: &mut Reading<'a>,
    ) {
        let package = package_name(object.name());
        self.look(Feature::Package, package, object.name());
        let deployments = member_of(spec, "install")
            .and_then(|install| member_of(install, "spec"))
            .and_then(|spec| member_of(spec, "deployments"))
            .and_then(ElementIter::of_array);
        for deployment in deployments.into_iter().flatten() {
            if let Some(name) = member_of(deployment, "name").and_then(JsonStr::new) {
                let _ = kind;
                self.named("Deployment", &name.decode());
            }
            let spec = member_of(deployment, "spec").unwrap_or("{}");
            let template = Template::read(spec);
            for (key, value) in template.label_pairs() {
                self.label(&key, &value);
            }
            self.pod(template.spec, reading);
        }
    }
}

const CONTAINER_PORT: [Feature; 3] = [Feature::PortName, Feature::PortNumber, Feature::Port];
const SERVICE_PORT: [Feature; 3] = [
    Feature::ServicePortName,
    Feature::ServicePortNumber,
    Feature::ServicePort,
];

/// What controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Controller {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// The owner reference that says `controller`.
pub(crate) fn controller(object: &Object<'_>) -> Option<Controller> {
    let owners = object.metadata("ownerReferences")?;
    let owner = ElementIter::of_array(owners)?
        .find(|owner| member_of(owner, "controller") == Some("true"))?;
    let text =
        |name| -> Option<Cow<'_, str>> { Some(JsonStr::new(member_of(owner, name)?)?.decode()) };
    let api_version = text("apiVersion")?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    Some(Controller {
        group: group.to_owned(),
        kind: text("kind")?.into_owned(),
        name: text("name")?.into_owned(),
    })
}

/// `namespace/name` of the Service in a client's configuration.
fn service_of(config: &str) -> Option<String> {
    let service = member_of(config, "service")?;
    let text = |name| Some(JsonStr::new(member_of(service, name)?)?.decode());
    Some(format!("{}/{}", text("namespace")?, text("name")?))
}

/// Name of a chart: `cert-manager` of `cert-manager-v1.15.1`.
pub(crate) fn chart_name(chart: &str) -> &str {
    match chart_version_at(chart) {
        Some(at) => &chart[..at - 1],
        None => chart,
    }
}

/// Version of a chart: `v1.15.1` of `cert-manager-v1.15.1`.
pub(crate) fn chart_version(chart: &str) -> Option<&str> {
    chart_version_at(chart).map(|at| &chart[at..])
}

/// Where the version begins: behind the first dash that a number follows with a
/// dot in what is left, since names have numbers too.
fn chart_version_at(chart: &str) -> Option<usize> {
    chart.match_indices('-').map(|(at, _)| at + 1).find(|&at| {
        let rest = &chart[at..];
        let number = rest.strip_prefix('v').unwrap_or(rest);
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && number[digits..].starts_with('.')
    })
}

/// Package of a ClusterServiceVersion: `keda` of `keda.v2.4.0`.
pub(crate) fn package_name(csv: &str) -> &str {
    csv.split_once('.').map_or(csv, |(name, _)| name)
}

/// A program without its folder.
fn program(command: &str) -> &str {
    command.rsplit('/').next().unwrap_or(command)
}

fn shortened(text: &str) -> Box<str> {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
