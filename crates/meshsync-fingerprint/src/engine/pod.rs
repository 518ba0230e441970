//! The part of a pod's template that is evidence, borrowed from its text.
//!
//! Values of environment variables are not read.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many containers of a pod, and how many items of a list, are looked at.
const LIST_MAX: usize = 512;

/// Text, whatever it was written as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// The beginning of a list; `null` is an empty one.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PodSpec<'a> {
    #[serde(borrow, default)]
    pub(crate) containers: List<Container<'a>>,
    /// Those that start again and again are sidecars in Kubernetes' own sense.
    #[serde(borrow, default, rename = "initContainers")]
    pub(crate) init_containers: List<Container<'a>>,
    #[serde(borrow, default, rename = "serviceAccountName")]
    pub(crate) account: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Container<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) image: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) command: List<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) args: List<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) env: List<Named<'a>>,
    #[serde(borrow, default)]
    pub(crate) ports: List<Port<'a>>,
    #[serde(borrow, default, rename = "restartPolicy")]
    pub(crate) restart: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Named<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
}

/// A port of a container or a Service.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Port<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default, rename = "containerPort")]
    pub(crate) container_port: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) port: Text<'a>,
}

/// Metadata and spec of a template.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Template<'a> {
    #[serde(borrow, default)]
    pub(crate) metadata: TemplateMeta<'a>,
    #[serde(borrow, default)]
    pub(crate) spec: PodSpec<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct TemplateMeta<'a> {
    #[serde(borrow, default)]
    pub(crate) labels: Pairs<'a>,
    #[serde(borrow, default)]
    pub(crate) annotations: Pairs<'a>,
}

/// `spec` of a Deployment and its like.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Templated<'a> {
    #[serde(borrow, default)]
    pub(crate) template: Template<'a>,
}

/// `spec` of a CronJob.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CronSpec<'a> {
    #[serde(borrow, default, rename = "jobTemplate")]
    pub(crate) job: JobTemplate<'a>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct JobTemplate<'a> {
    #[serde(borrow, default)]
    pub(crate) spec: Templated<'a>,
}

/// A mapping of texts; `null` is an empty one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs<'a>(pub(crate) Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(if truth { "true" } else { "false" })))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

struct ListVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while list.len() < LIST_MAX {
            match seq.next_element()? {
                Some(item) => list.push(item),
                None => return Ok(List(list)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(List(list))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_unit<E>(self) -> Result<Pairs<'de>, E> {
        Ok(Pairs::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            if pairs.len() < LIST_MAX {
                pairs.push(pair);
            }
        }
        Ok(Pairs(pairs))
    }
}
